#include "sandbox/syscall_names.h"

#include <algorithm>
#include <array>

namespace bothy::sandbox {
namespace {

constexpr auto kNames = std::to_array<SyscallName>({
#include "syscall_names.inc"
});
static_assert(std::ranges::is_sorted(kNames, {}, &SyscallName::number));

}  // namespace

std::span<const SyscallName> syscall_names() noexcept {
  return kNames;
}

std::string_view syscall_name(std::uint32_t number) noexcept {
  const auto* const found = std::ranges::lower_bound(kNames, number, {}, &SyscallName::number);
  return found != kNames.end() && found->number == number ? found->name : std::string_view();
}

}  // namespace bothy::sandbox
