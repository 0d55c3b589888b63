#include "sandbox/program_paths.h"

namespace bothy::sandbox {

Result<void> allow_programs(Landlock& landlock) {
  for (const char* path : {"/usr", "/bin", "/sbin", "/lib", "/lib64"}) {
    BOTHY_TRY(landlock.allow_path(path, Landlock::kRead | Landlock::kList | Landlock::kExecute));
  }
  for (const char* path : {"/etc", "/proc"}) {
    BOTHY_TRY(landlock.allow_path(path, Landlock::kRead | Landlock::kList));
  }
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}) {
    BOTHY_TRY(landlock.allow_path(path, Landlock::kRead | Landlock::kWrite));
  }
  return success();
}

}  // namespace bothy::sandbox
