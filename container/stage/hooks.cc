#include "container/stage/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container/stage/calls.h"

namespace bothy::container {
namespace {

constexpr int kFailed = 127;
constexpr mode_t kUmask = 022;
constexpr int kFirstDescriptor = 3;

// 0, or -1 with errno set. The descriptors are those of the message, if it has two.
long receive_answer(int reports, int descriptors[2]) noexcept {
  char byte = 0;
  iovec part{&byte, sizeof(byte)};
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t count = 0;
  do {
    count = recvmsg(reports, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count == 0) {
    errno = ECONNRESET;
  }
  if (count <= 0) {
    return -1;
  }
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message);
      header != nullptr && header->cmsg_len == CMSG_LEN(2 * sizeof(int))) {
    memcpy(descriptors, CMSG_DATA(header), 2 * sizeof(int));
  }
  return 0;
}

// In the child, which ends with the process that waits for it.
[[noreturn]] void execute_hook(int reports, const HookArguments& hook,
                               const int descriptors[2]) noexcept {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  umask(kUmask);
  const bool is_ready = (hook.directory < 0 || fchdir(hook.directory) == 0) &&
                        dup2(descriptors[0], STDIN_FILENO) >= 0 &&
                        dup2(descriptors[1], STDOUT_FILENO) >= 0 &&
                        dup2(descriptors[1], STDERR_FILENO) >= 0 &&
                        syscall(SYS_close_range, kFirstDescriptor, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  if (is_ready) {
    execve(hook.path, hook.arguments, hook.environment);
  }
  static_cast<void>(send_report(reports, {Report::kFailed, errno, 0}, hook.description, -1));
  _exit(kFailed);
}

}  // namespace

long pause_with(int reports, Report::Kind kind, int descriptor) noexcept {
  int none[2] = {-1, -1};
  const long sent = send_report(reports, {kind, 0, 0}, "", descriptor);
  return sent < 0 ? sent : receive_answer(reports, none);
}

long run_hook(int reports, const HookArguments& hook) noexcept {
  int descriptors[2] = {-1, -1};
  if (send_report(reports, {Report::kHook, 0, 0}, "", -1) < 0 ||
      receive_answer(reports, descriptors) < 0) {
    return -1;
  }
  const long pid = fork_process();
  if (pid == 0) {
    execute_hook(reports, hook, descriptors);
  }
  close(descriptors[0]);
  close(descriptors[1]);
  if (pid < 0) {
    return -1;
  }
  int status = 0;
  while (waitpid(static_cast<pid_t>(pid), &status, 0) < 0 && errno == EINTR) {
  }
  const long sent = send_report(reports, {Report::kHookEnd, status, 0}, "", -1);
  if (status != 0) {
    _exit(kFailed);
  }
  return sent < 0 ? sent : 0;
}

}  // namespace bothy::container
