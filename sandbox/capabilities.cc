#include "sandbox/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace bothy::sandbox {

const char* keep_capabilities(std::uint64_t kept) noexcept {
  constexpr const char* kFailed = "can't give up capabilities";
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) {
    return kFailed;
  }
  for (std::size_t i = 0; i < sets.size(); ++i) {
    sets[i].permitted &= static_cast<std::uint32_t>(kept >> (32 * i));
    sets[i].effective = sets[i].permitted;
    sets[i].inheritable = 0;
  }
  // Ambient capabilities are a part of the inheritable ones.
  return ::syscall(SYS_capset, &header, sets.data()) == 0 ? nullptr : kFailed;
}

}  // namespace bothy::sandbox
