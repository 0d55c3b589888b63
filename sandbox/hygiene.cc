#include "sandbox/hygiene.h"

#include <sys/prctl.h>
#include <sys/resource.h>

namespace bothy::sandbox {

const char* give_up_privileges() noexcept {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return "can't give up new privileges";
  }
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) {
    return "can't keep other processes from reading this one's memory";
  }
  const rlimit none{0, 0};
  return ::setrlimit(RLIMIT_CORE, &none) == 0 ? nullptr : "can't forbid core files";
}

}  // namespace bothy::sandbox
