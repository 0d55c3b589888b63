// ContainerPlan: all that a new process of a container does before it executes the command,
// computed before the clone: a list of system calls with their arguments. The new process makes
// these calls and nothing else (stage.h): it allocates nothing, and waits for nobody unless a call
// says so.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace bothy::container {

// A descriptor that the new process gets to know: one of the parent's, or the result of a call.
struct Slot {
  int index = -1;
};

// An argument of a call: a number, an address, or what is in a slot.
struct Argument {
  std::uint64_t value = 0;
  bool is_slot = false;

  Argument() = default;
  template <class Number>
  requires(std::is_integral_v<Number> || std::is_enum_v<Number>)
      Argument(Number number)  // NOLINT(google-explicit-constructor): written in lists of arguments
      : value(static_cast<std::uint64_t>(static_cast<std::int64_t>(number))) {}
  Argument(const void* address)  // NOLINT(google-explicit-constructor): likewise
      : value(reinterpret_cast<std::uint64_t>(address)) {}
  Argument(Slot slot)  // NOLINT(google-explicit-constructor): likewise
      : value(static_cast<std::uint64_t>(slot.index)), is_slot(true) {}
};

// Numbers of calls that are more than one system call.
enum SpecialCall : int {
  kSendTerminal = -1,  // arguments: socket, descriptor: a report with the descriptor
  kSendReady = -2,     // arguments: socket
  kReportTo = -3,      // arguments: socket: later failures are reported there
  kExecute = -4,       // the command, by ContainerPlan::candidates
  kFork = -5,  // arguments: a program: this process executes it with the number of a child, in
               // which the calls go on
};

// An errno value that isn't a failure, and the number of calls that are left out then.
struct Tolerated {
  int error_number = 0;
  std::uint16_t skips = 0;
};

struct Call {
  int number = 0;  // SYS_*, or a SpecialCall
  std::array<Argument, 6> arguments;
  Slot result;  // where the result goes; none
  std::array<Tolerated, 2> tolerated{};
  std::uint16_t success_skips = 0;  // calls that are left out after a success
  const char* description = "";     // ContainerPlan::describe()
};

// What a new process reports, as one message; after kFailed the call's description follows.
struct Report {
  enum Kind : std::uint32_t { kFailed = 1, kTerminal = 2, kReady = 3 };
  std::uint32_t kind = 0;
  std::int32_t error_number = 0;
  std::uint32_t at_exec = 0;
};

class ContainerPlan {
 public:
  // --- For those who build the plan ---

  // Says what the calls added next are for: "can't mount 'proc' on '/proc'". The errno's text
  // follows in an error.
  void describe(std::string text);
  // Adds a call to the list that is being built, and returns it for its other members.
  Call& add(int number, std::initializer_list<Argument> arguments);
  // Adds openat2(2) with O_CLOEXEC added to `flags`; `resolve` is RESOLVE_*. `path` is kept by the
  // caller.
  Call& add_open(Slot result, Slot directory, const char* path, std::uint64_t flags,
                 std::uint64_t resolve);
  [[nodiscard]] Slot new_slot(int descriptor = -1);
  // Copies that live as long as the plan, for arguments of calls.
  [[nodiscard]] const char* keep(std::string text);
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] const void* keep(const T& value) {
    return keep_bytes(std::as_bytes(std::span(&value, 1)));
  }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  [[nodiscard]] const void* keep_array(const std::vector<T>& values) {
    return keep_bytes(std::as_bytes(std::span(values)));
  }
  // Later calls belong to the process itself; earlier ones to the one that clones it (stage.h).
  void begin_inner() { is_inner_ = true; }
  void set_command(const std::vector<std::string>& arguments,
                   const std::vector<std::string>& environment,
                   const std::vector<std::string>& candidates);

  // --- For those who read it ---

  [[nodiscard]] std::span<const Call> outer() const noexcept { return outer_; }
  [[nodiscard]] std::span<const Call> inner() const noexcept { return inner_; }

  // --- For the stage: in the new process alone ---

  [[nodiscard]] int& slot(Slot slot) noexcept {
    return slots_[static_cast<std::size_t>(slot.index)];
  }
  [[nodiscard]] char* const* arguments() const noexcept { return arguments_.data(); }
  [[nodiscard]] char* const* environment() const noexcept { return environment_.data(); }
  [[nodiscard]] std::span<const char* const> candidates() const noexcept { return candidates_; }

  // How the process is cloned.
  std::uint64_t clone_flags = 0;  // CLONE_NEW* of the process itself
  int cgroup = -1;
  bool joins = false;  // namespaces are joined: the process is cloned by another one
  bool shares = true;  // that one shares the parent's memory until then (vfork)
  int report = -1;     // the new process's end of the socket of reports

 private:
  [[nodiscard]] const void* keep_bytes(std::span<const std::byte> bytes);

  bool is_inner_ = false;
  std::vector<Call> outer_;
  std::vector<Call> inner_;
  std::vector<int> slots_;
  const char* description_ = "";
  std::deque<std::string> texts_;
  std::deque<std::vector<std::byte>> blobs_;
  std::vector<char*> arguments_;
  std::vector<char*> environment_;
  std::vector<const char*> candidates_;
};

}  // namespace bothy::container
