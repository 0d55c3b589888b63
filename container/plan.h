// ContainerPlan: all that a new process of a container does before it executes the command,
// computed before the clone: a list of system calls with their arguments. The new process makes
// these calls and nothing else (stage.h): it allocates nothing, and waits for nobody unless a call
// says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "container/stage/plan_format.h"

namespace bothy::container {

// What a plan has kept a copy of, for arguments of calls.
struct Kept {
  std::uint32_t offset = 0;
};

// An argument of a call: a number, what is in a slot, or the address of a text or of what is kept.
struct Argument {
  std::uint64_t value = 0;
  ArgumentKind kind = ArgumentKind::kNumber;
  const char* text = nullptr;  // that the plan is to keep

  Argument() = default;
  template <class Number>
  requires(std::is_integral_v<Number> || std::is_enum_v<Number>)
      Argument(Number number)  // NOLINT(google-explicit-constructor): written in lists of arguments
      : value(static_cast<std::uint64_t>(static_cast<std::int64_t>(number))) {}
  Argument(Slot slot)  // NOLINT(google-explicit-constructor): likewise
      : value(static_cast<std::uint64_t>(slot.index)), kind(ArgumentKind::kSlot) {}
  Argument(Kept kept)  // NOLINT(google-explicit-constructor): likewise
      : value(kept.offset), kind(ArgumentKind::kAddress) {}
  Argument(const char* literal)  // NOLINT(google-explicit-constructor): likewise
      : kind(ArgumentKind::kAddress), text(literal) {}
  Argument(std::nullptr_t) {}  // NOLINT(google-explicit-constructor): likewise
};

class ContainerPlan {
 public:
  // --- For those who build the plan ---

  // Says what the calls added next are for: "can't mount 'proc' on '/proc'". The errno's text
  // follows in an error.
  void describe(std::string_view text);
  // Adds a call to the list that is being built, and returns it for its other members, until the
  // next one is added.
  Call& add(int number, std::initializer_list<Argument> arguments);
  // Adds openat2(2) with O_CLOEXEC added to `flags`; `resolve` is RESOLVE_*.
  Call& add_open(Slot result, Slot directory, const Argument& path, std::uint64_t flags,
                 std::uint64_t resolve);
  // `descriptor` is the parent's.
  [[nodiscard]] Slot new_slot(int descriptor = -1);
  [[nodiscard]] Kept keep(std::string_view text);
  // Of a string literal: kept once.
  [[nodiscard]] Kept keep_literal(const char* literal);
  template <class T>
  requires(std::is_trivially_copyable_v<T> && !std::is_convertible_v<T, std::string_view>)
      [[nodiscard]] Kept keep(const T& value) {
    return keep_bytes(std::as_bytes(std::span(&value, 1)));
  }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] Kept keep_array(const std::vector<T>& values) {
    return keep_bytes(std::as_bytes(std::span(values)));
  }
  // Later calls belong to the process itself; earlier ones to the one that clones it (stage.h).
  void begin_inner() { is_inner_ = true; }
  // A list of texts, for PlanHeader and HookCommand.
  [[nodiscard]] Kept keep_list(const std::vector<std::string>& texts);
  void set_command(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment,
                   const std::vector<std::string>& candidates);

  // --- For those who start its process ---

  [[nodiscard]] std::span<const Call> outer() const noexcept { return outer_; }
  [[nodiscard]] std::span<const Call> inner() const noexcept { return inner_; }
  // The parent's descriptors that calls refer to.
  [[nodiscard]] std::vector<int> descriptors() const;
  // The plan as one block of bytes, with a PlanHeader at its beginning, whose members of a joiner
  // are the caller's to set. `given`: the descriptors that the new process gets from the parent.
  [[nodiscard]] std::vector<std::byte> pack(const std::vector<int>& given) const;

  // How the process is cloned.
  std::uint64_t clone_flags = 0;  // CLONE_NEW* of the process itself
  int cgroup = -1;
  bool joins = false;  // the process is cloned by another one, which joins namespaces before
  int report = -1;     // the new process's end of the socket of reports

 private:
  [[nodiscard]] Kept keep_bytes(std::span<const std::byte> bytes);

  bool is_inner_ = false;
  std::vector<Call> outer_;
  std::vector<Call> inner_;
  std::vector<std::int32_t> slots_;
  Kept description_;
  std::vector<std::byte> kept_;  // at the block's beginning, after the header
  std::vector<std::pair<const char*, Kept>> literals_;
  Kept arguments_;
  Kept environment_;
  Kept candidates_;
};

}  // namespace bothy::container
