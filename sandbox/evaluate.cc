#include <cstring>

#include "sandbox/filters.h"

namespace bothy::sandbox {
namespace {

std::uint32_t load(const seccomp_data& data, std::uint32_t offset) noexcept {
  std::uint32_t value = 0;
  if (offset + sizeof(value) <= sizeof(data)) {
    std::memcpy(&value, reinterpret_cast<const char*>(&data) + offset, sizeof(value));
  }
  return value;
}

}  // namespace

// The instructions that compile() makes. Any other denies, as a filter's failure does.
std::uint32_t evaluate(std::span<const sock_filter> program, const seccomp_data& data) noexcept {
  std::uint32_t value = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& each = program[at];
    switch (each.code) {
      case kLoad:
        value = load(data, each.k);
        break;
      case kAnd:
        value &= each.k;
        break;
      case kJumpIfEqual:
        at += value == each.k ? each.jt : each.jf;
        break;
      case kReturn:
        return each.k;
      default:
        return SECCOMP_RET_KILL_PROCESS;
    }
  }
  return SECCOMP_RET_KILL_PROCESS;
}

}  // namespace bothy::sandbox
