// What the tests of booting share: a guest's memory, loading into it, and looking at the outcome.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "arch/layout.h"
#include "tests/support/catch.h"
#include "tests/support/kernel_images.h"
#include "vmm/boot/boot.h"

namespace bothy::boot {

inline GuestMemory guest_memory(std::uint64_t mebibytes = 64) {
  const std::array ranges{MemoryRange{0, mebibytes * layout::kMiB}};
  auto memory = GuestMemory::create(ranges, MemoryBacking::kAnonymous);
  REQUIRE(memory.has_value());
  return std::move(memory).value();
}

inline BootRequest request_for(const std::string& kernel) {
  BootRequest request;
  request.kernel = kernel;
  return request;
}

inline BootEntry load_good(const BootRequest& request, GuestMemory& memory) {
  auto entry = load(request, memory);
  if (!entry) {
    FAIL(entry.error().context);
  }
  return std::move(entry).value();
}

inline BootEntry load_good(const test::ByteVector& kernel, GuestMemory& memory) {
  const test::TestFile file(kernel);
  return load_good(request_for(file.path()), memory);
}

// Loads what must not load, and checks that the error is one line with all of `words`.
inline void check_refused(const BootRequest& request, ErrorCode code,
                          std::initializer_list<std::string_view> words,
                          std::uint64_t mebibytes = 64) {
  GuestMemory memory = guest_memory(mebibytes);
  const auto entry = load(request, memory);
  REQUIRE(entry.has_error());
  INFO(entry.error().context);
  CHECK(entry.error().code == code);
  CHECK(entry.error().context.find('\n') == std::string::npos);
  for (const std::string_view word : words) {
    INFO(word);
    CHECK(entry.error().context.find(word) != std::string::npos);
  }
}

inline void check_refused(const test::ByteVector& kernel, ErrorCode code,
                          std::initializer_list<std::string_view> words,
                          std::uint64_t mebibytes = 64) {
  const test::TestFile file(kernel);
  check_refused(request_for(file.path()), code, words, mebibytes);
}

inline bool holds(const GuestMemory& memory, GuestAddress address,
                  std::span<const std::byte> expected) {
  const auto bytes = memory.slice(address, expected.size());
  return bytes && std::equal(bytes->begin(), bytes->end(), expected.begin(), expected.end());
}

inline bool is_zero(const GuestMemory& memory, GuestAddress address, std::uint64_t size) {
  const auto bytes = memory.slice(address, size);
  return bytes && std::all_of(bytes->begin(), bytes->end(),
                              [](std::byte byte) { return byte == std::byte{0}; });
}

inline std::string text_at(const GuestMemory& memory, GuestAddress address) {
  const auto bytes = memory.slice(address, layout::kCommandLineMax);
  const auto* text = reinterpret_cast<const char*>(bytes->data());
  return {text, ::strnlen(text, bytes->size())};
}

}  // namespace bothy::boot
