// What every fuzz target shares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>

// The one function of a fuzz target, named by libFuzzer. Returns 0; crashes when it finds a bug.
// NOLINTNEXTLINE(readability-identifier-naming)
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace bothy::fuzz {

// Says that something must hold, in every kind of build.
inline void check(bool condition) {
  if (!condition) {
    std::abort();
  }
}

}  // namespace bothy::fuzz
