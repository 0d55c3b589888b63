#include "base/inherited_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/files.h"

namespace bothy {

void close_inherited_files() {
  const auto numbers = list_directory("/proc/self/fd");
  for (const std::string& text : numbers ? numbers.value() : std::vector<std::string>()) {
    const int fd = std::atoi(text.c_str());
    const int flags = ::fcntl(fd, F_GETFD);
    if (fd > STDERR_FILENO && flags >= 0 && (flags & FD_CLOEXEC) == 0) {
      ::close(fd);
    }
  }
}

}  // namespace bothy
