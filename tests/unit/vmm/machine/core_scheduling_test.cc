#include "vmm/machine/core_scheduling.h"

#include <sys/prctl.h>

#include <cerrno>

#include "base/process.h"
#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("Core scheduling gives the process a cookie of its own, or says why not") {
  auto child = Process::start_function({}, [] {
    const auto used = use_core_scheduling();
    if (!used) {
      return used.error().code == ErrorCode::kUnsupported ? 0 : 1;
    }
    unsigned long long cookie = 0;
    constexpr unsigned long kThread = 0;
    return ::prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, 0UL, kThread, &cookie) == 0 && cookie != 0 ? 0
                                                                                                : 2;
  });
  REQUIRE(child.has_value());
  CHECK(child.value().wait().exit_status() == 0);
}

TEST_CASE("An error of core scheduling names what the host lacks") {
  CHECK(core_scheduling_error(ENODEV).context.find("multithreading") != std::string::npos);
  CHECK(core_scheduling_error(EINVAL).context.find("CONFIG_SCHED_CORE") != std::string::npos);
  CHECK(core_scheduling_error(EPERM).code == ErrorCode::kPermission);
}

}  // namespace bothy
