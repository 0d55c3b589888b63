#include "guest/init/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "guest/init/power.h"

namespace bothy::init {

void set_sysctl(Text value) {
  const Text name = value.cut('\0');
  Line path;
  path.add("/proc/").add(name);
  const int fd = openat(AT_FDCWD, path.string(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || !write_all(fd, value.data, value.size)) {
    Line what;
    fail(what.add("can't set the sysctl ").add(name).text(), errno);
  }
  close(fd);
}

}  // namespace bothy::init
