#include "sandbox/syscall_names.h"

#include <algorithm>

namespace bothy::sandbox {
namespace {

// Each name ends with a NUL. One string: an array of pointers would take twice the room, and be
// relocated at each start.
constexpr char kText[] =
#include "syscall_names.inc"
    ;
constexpr std::string_view kNames(kText, sizeof(kText) - 1);

}  // namespace

std::uint32_t syscall_count() noexcept {
  constexpr auto kCount = std::ranges::count(kNames, '\0');
  return kCount;
}

std::string_view syscall_name(std::uint32_t number) noexcept {
  if (number >= syscall_count()) {
    return {};
  }
  const char* name = kText;
  for (; number > 0; --number) {
    name += std::string_view(name).size() + 1;
  }
  return name;
}

}  // namespace bothy::sandbox
