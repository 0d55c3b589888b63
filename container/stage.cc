#include "container/stage.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "container/system_calls.h"

namespace bothy::container {
namespace {

constexpr int kStageFailed = 127;
constexpr std::uint64_t kCloneClearSighand = 0x100000000ULL;
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000ULL;

// A frame that no return leads out of, on another stack than the program's: ASan's bookkeeping of
// stacks doesn't fit.
#define BOTHY_OWN_STACK __attribute__((no_sanitize("address")))

struct JoinerStack {
  alignas(16) std::array<char, 64UL * 1024> bytes;
};

// -1 with errno set, or more.
long send_report(int socket, const Report& report, const char* text, int descriptor) noexcept {
  std::array<iovec, 2> parts{{{const_cast<Report*>(&report), sizeof(report)},
                              {const_cast<char*>(text), std::strlen(text)}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
  }
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

// As execvp(3): a directory that may not be searched doesn't end the search. Returns on failure.
int execute(const ContainerPlan& plan) noexcept {
  int error = ENOENT;
  for (const char* candidate : plan.candidates()) {
    ::execve(candidate, plan.arguments(), plan.environment());
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
      return errno;
    }
    error = errno == EACCES ? EACCES : error;
  }
  return error;
}

// In the child: 0. This process is an init from now on: its signals wait for that. Not by
// clone3(2), whose flags a seccomp filter can't see, so that profiles deny it.
int fork_command(const ContainerPlan& plan, int init) noexcept {
  const auto pid = static_cast<int>(::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0));
  if (pid <= 0) {
    return pid;
  }
  std::array<char, 12> digits{};
  char* number = digits.data() + digits.size() - 1;
  for (int rest = pid; rest > 0; rest /= 10) {
    *--number = static_cast<char>('0' + rest % 10);
  }
  const std::uint64_t all = ~std::uint64_t{0};
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof(all));
  const std::array<const char*, 3> command{"init", number, nullptr};
  ::syscall(SYS_execveat, init, "", command.data(), plan.environment(), AT_EMPTY_PATH);
  return -1;
}

// nullptr for a failure that ends the calls.
const Tolerated* find_tolerated(const Call& call, int error) noexcept {
  for (const Tolerated& each : call.tolerated) {
    if (each.error_number == error) {
      return &each;
    }
  }
  return nullptr;
}

// The result, or -1 with errno set.
long make_call(ContainerPlan& plan, const Call& call) noexcept {
  std::array<long, 6> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Argument& argument = call.arguments[i];
    values[i] = argument.is_slot ? plan.slot({static_cast<int>(argument.value)})
                                 : static_cast<long>(argument.value);
  }
  switch (call.number) {
    case kSendTerminal:
      return send_report(static_cast<int>(values[0]), {Report::kTerminal, 0, 0}, "",
                         static_cast<int>(values[1]));
    case kSendReady:
      return send_report(static_cast<int>(values[0]), {Report::kReady, 0, 0}, "", -1);
    case kReportTo:
      plan.report = static_cast<int>(values[0]);
      return 0;
    case kFork:
      return fork_command(plan, static_cast<int>(values[0]));
    case kExecute:
      errno = execute(plan);
      return -1;
    default:
      return ::syscall(call.number, values[0], values[1], values[2], values[3], values[4],
                       values[5]);
  }
}

void report_failure(const ContainerPlan& plan, const Call& call) noexcept {
  const int error = errno;
  static_cast<void>(send_report(plan.report,
                                {Report::kFailed, error, call.number == kExecute ? 1U : 0U},
                                call.description, -1));
}

[[noreturn]] BOTHY_OWN_STACK void run_process(ContainerPlan& plan) noexcept {
  if (const Call* failed = make_calls(plan, plan.inner())) {
    report_failure(plan, *failed);
  }
  ::_exit(kStageFailed);
}

// What the parent and the joiner share.
struct Shared {
  ContainerPlan* plan = nullptr;
  CloneArguments* arguments = nullptr;
  pid_t pid = -1;
  int error_number = 0;
};

BOTHY_OWN_STACK pid_t clone_into(ContainerPlan& plan, CloneArguments& arguments) noexcept {
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(CloneArguments)));
  if (pid == 0) {
    run_process(plan);
  }
  return pid;
}

BOTHY_OWN_STACK int run_joiner(void* pointer) {
  auto& shared = *static_cast<Shared*>(pointer);
  if (const Call* failed = make_calls(*shared.plan, shared.plan->outer())) {
    report_failure(*shared.plan, *failed);
    ::_exit(kStageFailed);
  }
  // From its first moment on no process of the container may trace the new one.
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  shared.pid = clone_into(*shared.plan, *shared.arguments);
  shared.error_number = shared.pid < 0 ? errno : 0;
  ::_exit(0);
}

CloneArguments clone_arguments(const ContainerPlan& plan) noexcept {
  CloneArguments arguments;
  arguments.flags = plan.clone_flags | kCloneClearSighand;
  arguments.exit_signal = SIGCHLD;
  if (plan.cgroup >= 0) {
    arguments.flags |= kCloneIntoCgroup;
    arguments.cgroup = static_cast<std::uint64_t>(plan.cgroup);
  }
  return arguments;
}

Error clone_error(int error_number) {
  return errno_error("can't clone a process into the container's namespaces and cgroup",
                     error_number);
}

Result<Cloned> clone_directly(ContainerPlan& plan) {
  int pidfd = -1;
  CloneArguments arguments = clone_arguments(plan);
  arguments.flags |= CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  const pid_t pid = clone_into(plan, arguments);
  if (pid < 0) {
    return clone_error(errno);
  }
  return Cloned{pid, UniqueFd(pidfd)};
}

// The joiner's memory is the parent's, which waits for its end; where a time namespace is joined, a
// copy (setns(2): such a process may not share its memory).
Result<Cloned> clone_by_joiner(ContainerPlan& plan) {
  const auto stack = std::make_unique<JoinerStack>();
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return errno_error("can't map memory for a process");
  }
  CloneArguments arguments = clone_arguments(plan);
  arguments.flags |= CLONE_PARENT;
  arguments.exit_signal = 0;  // clone3(2): that of the joiner
  auto* shared = new (memory) Shared{&plan, &arguments, -1, 0};
  const int dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
  const int sharing = plan.shares ? CLONE_VM | CLONE_VFORK : 0;
  const pid_t joiner = ::clone(&run_joiner, stack->bytes.end(), sharing | SIGCHLD, shared);
  const int error_number = errno;
  int status = 0;
  while (joiner > 0 && ::waitpid(joiner, &status, 0) < 0 && errno == EINTR) {
  }
  if (plan.shares && dumpable == 1) {
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  }
  const Shared result = *shared;  // before its memory goes
  ::munmap(memory, sizeof(Shared));
  if (joiner < 0) {
    return errno_error("can't start a process that joins the container's namespaces", error_number);
  }
  if (result.pid < 0 && WIFSIGNALED(status)) {
    return make_error(ErrorCode::kSystem,
                      "the process that joins the container's namespaces was killed by signal {} "
                      "(the container's memory limit may be reached)",
                      WTERMSIG(status));
  }
  if (result.pid < 0) {
    // Without an error of the clone the joiner has reported why.
    return result.error_number == 0 ? Result<Cloned>(Cloned{}) : clone_error(result.error_number);
  }
  // The process is a child that nobody has waited for: the number is still its own.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, result.pid, 0)));
  if (!pidfd) {
    const Error error = errno_error("can't open a descriptor for a process of the container");
    ::kill(result.pid, SIGKILL);
    while (::waitpid(result.pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return error;
  }
  return Cloned{result.pid, std::move(pidfd)};
}

}  // namespace

const Call* make_calls(ContainerPlan& plan, std::span<const Call> calls) noexcept {
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Call& call = calls[i];
    long result = make_call(plan, call);
    while (result < 0 && errno == EINTR) {
      result = make_call(plan, call);
    }
    if (result < 0) {
      const Tolerated* tolerated = find_tolerated(call, errno);
      if (call.number == kExecute || tolerated == nullptr) {
        return &call;
      }
      i += tolerated->skips;
      continue;
    }
    if (call.result.index >= 0) {
      plan.slot(call.result) = static_cast<int>(result);
    }
    i += call.success_skips;
  }
  return nullptr;
}

Result<Cloned> clone_process(ContainerPlan& plan) {
  // A handler of this process must not run in the new one, which the clone shares memory with.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto cloned = plan.joins ? clone_by_joiner(plan) : clone_directly(plan);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return cloned;
}

}  // namespace bothy::container
