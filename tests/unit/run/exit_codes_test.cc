#include "run/exit_codes.h"

#include <cerrno>

#include "tests/support/catch.h"

namespace bothy::run {

TEST_CASE("A command that doesn't exist gives 127") {
  CHECK(code_of_failed_start(ENOENT) == 127);
  CHECK(code_of_failed_start(ENOTDIR) == 127);
}

TEST_CASE("A command that can't be executed gives 126, whatever the reason") {
  for (const int error :
       {EACCES, EPERM, ENOEXEC, EISDIR, ELIBBAD, ELOOP, ENAMETOOLONG, ETXTBSY, E2BIG, EIO}) {
    INFO(error);
    CHECK(code_of_failed_start(error) == 126);
  }
}

TEST_CASE("A failure before the command is executed gives 125") {
  for (const int error : {ENOMEM, EAGAIN, EMFILE, EINVAL, EPROTO}) {
    INFO(error);
    CHECK(code_of_failed_start(error) == 125);
  }
}

}  // namespace bothy::run
