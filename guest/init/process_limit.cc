#include "guest/init/process_limit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/init/config.h"
#include "guest/init/power.h"

namespace bothy::init {
namespace {

constexpr char kEnabled[] = "/sys/fs/cgroup/cgroup.subtree_control";
constexpr char kGroup[] = "/sys/fs/cgroup/bothy";

// Files of the group, kept open: a mount of the image's or of the user's may hide them later.
int members = -1;
int current = -1;
uint32_t limit = 0;

bool write_file(const char* path, Text text) {
  const int fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC);
  const bool good = fd >= 0 && write_all(fd, text.data, text.size);
  const int error = errno;
  if (fd >= 0) close(fd);
  errno = error;
  return good;
}

}  // namespace

void limit_processes(Text value) {
  Line number;
  if (!take_value(value, limit)) fail("the host's limit on processes is invalid");
  if (!write_file(kEnabled, "+pids")) {
    fail(
        "can't limit the number of processes: the guest's kernel has no cgroup2 with the "
        "controller pids (CONFIG_CGROUP_PIDS)",
        errno);
  }
  Line maximum, procs, used;
  maximum.add(kGroup).add("/pids.max");
  procs.add(kGroup).add("/cgroup.procs");
  used.add(kGroup).add("/pids.current");
  if ((mkdir(kGroup, 0755) != 0 && errno != EEXIST) ||
      !write_file(maximum.string(), number.add_number(limit).text()))
    fail("can't limit the number of processes", errno);
  members = openat(AT_FDCWD, procs.string(), O_WRONLY | O_CLOEXEC);
  current = openat(AT_FDCWD, used.string(), O_RDONLY | O_CLOEXEC);
  if (members < 0 || current < 0) fail("can't limit the number of processes", errno);
}

// pids.max denies forks alone, not that a process is moved: whether that was one too many is seen
// afterwards. What is full can't fork meanwhile, so a process is never refused in vain.
bool join_process_limit() {
  char digits[21];
  uint64_t count = 0;
  if (members < 0) return true;
  if (write(members, "0", 1) != 1) return false;
  const ssize_t size = pread(current, digits, sizeof digits, 0);
  if (size < 0) return false;
  Text text(digits, static_cast<size_t>(size));
  text.cut('\n').number(count, UINT64_MAX);
  if (count <= limit) return true;
  errno = EAGAIN;
  return false;
}

}  // namespace bothy::init
