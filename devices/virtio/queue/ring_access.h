// How queues touch rings, whose words a guest may change at any moment: each load happens exactly
// once, so that what was judged is what is used.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/result.h"
#include "memory/guest_memory.h"

namespace bothy::virtio {

static_assert(std::endian::native == std::endian::little, "rings are little-endian");

// Naturally aligned words.
template <class Word>
[[nodiscard]] Word load(const std::byte* at, std::memory_order order) noexcept {
  // atomic_ref takes nothing const before C++26.
  return std::atomic_ref(*reinterpret_cast<Word*>(const_cast<std::byte*>(at))).load(order);
}

template <class Word>
void store(std::byte* at, Word value, std::memory_order order) noexcept {
  std::atomic_ref(*reinterpret_cast<Word*>(at)).store(value, order);
}

// A descriptor of either kind, wherever it lies: an indirect table may be misaligned.
template <class Descriptor>
[[nodiscard]] Descriptor load_descriptor(const std::byte* at) noexcept {
  // Volatile is what forbids the compiler to load a part a second time.
  using Half [[gnu::aligned(1), gnu::may_alias]] = const volatile std::uint64_t;
  Half* halves = reinterpret_cast<Half*>(at);
  struct {
    std::uint64_t low;
    std::uint64_t high;
  } const copy{halves[0], halves[1]};
  return std::bit_cast<Descriptor>(copy);
}

// Where a part of a queue lies. `what` names it.
[[nodiscard]] inline Result<std::byte*> place_part(const GuestMemory& memory, const char* what,
                                                   GuestAddress address, std::size_t length,
                                                   std::size_t alignment) {
  const auto bytes = memory.slice(address, length);
  if (!bytes || address % alignment != 0) {
    return make_error(ErrorCode::kInvalid, "its {} at {:#x} is {}", what, address,
                      bytes ? "misaligned" : "not in RAM");
  }
  return bytes->data();
}

}  // namespace bothy::virtio
