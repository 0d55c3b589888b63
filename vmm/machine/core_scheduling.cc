#include "vmm/machine/core_scheduling.h"

#include <linux/prctl.h>
#include <sys/prctl.h>

#include <cerrno>

namespace bothy {

Error core_scheduling_error(int error_number) {
  if (error_number == ENODEV) {
    return make_error(ErrorCode::kUnsupported,
                      "--core-scheduling: this host's cores have one thread each, or "
                      "multithreading is off: leave the flag out");
  }
  if (error_number == EINVAL || error_number == ENOSYS) {
    return make_error(ErrorCode::kUnsupported,
                      "--core-scheduling: this host's kernel can't (it needs Linux 5.14 with "
                      "CONFIG_SCHED_CORE)");
  }
  return errno_error("--core-scheduling", error_number);
}

Result<void> use_core_scheduling() {
  // PIDTYPE_TGID, which the kernel's headers for programs have as a number only.
  constexpr unsigned long kThreadGroup = 1;
  constexpr unsigned long kSelf = 0;
  if (::prctl(PR_SCHED_CORE, PR_SCHED_CORE_CREATE, kSelf, kThreadGroup, 0UL) != 0) {
    return core_scheduling_error(errno);
  }
  return success();
}

}  // namespace bothy
