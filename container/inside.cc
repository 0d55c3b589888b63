#include "container/inside.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "container/join.h"

namespace bothy::container {
namespace {

// Not setresuid(3), by which the C library would change threads that there aren't.
bool become_root() noexcept {
  // Denied where an ordinary user's single id is mapped.
  if (::syscall(SYS_setgroups, 0, nullptr) != 0 && errno != EPERM) {
    return false;
  }
  return ::syscall(SYS_setresgid, 0, 0, 0) == 0 && ::syscall(SYS_setresuid, 0, 0, 0) == 0;
}

}  // namespace

Result<bothy::Process> start_inside(pid_t pid, int pidfd, const std::vector<int>& descriptors,
                                    const std::function<int()>& body) {
  BOTHY_TRY(const std::uint64_t user, user_namespace_to_join(pid));
  bothy::ProcessOptions options;
  options.death_signal = SIGKILL;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    options.descriptors[static_cast<int>(i)] = descriptors[i];
  }
  // The last of the child's descriptors, until it has joined the container.
  const int last = static_cast<int>(descriptors.size() < 3 ? 3 : descriptors.size());
  options.descriptors[last] = pidfd;
  return bothy::Process::start_function(options, [user, last, &body] {
    // A file of the container that the child executes or maps must not lead to the owner's memory.
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (::setns(last, static_cast<int>(user | CLONE_NEWNS)) != 0 || (user != 0 && !become_root())) {
      return kNotInside;
    }
    ::close(last);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // changed ids reset it
    return body();
  });
}

}  // namespace bothy::container
