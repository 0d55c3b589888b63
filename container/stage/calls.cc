#include "container/stage/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "container/stage/copy.h"
#include "container/stage/hooks.h"

namespace bothy::container {
namespace {

char* at(PlanHeader& plan, uint64_t offset) noexcept {
  return reinterpret_cast<char*>(&plan) + offset;
}

int32_t& slot(PlanHeader& plan, uint64_t index) noexcept {
  return reinterpret_cast<int32_t*>(at(plan, plan.slots))[index];
}

// Makes a list of offsets one of addresses, once.
char** addresses(PlanHeader& plan, uint32_t list) noexcept {
  auto* entries = reinterpret_cast<uint64_t*>(at(plan, list));
  for (uint64_t* entry = entries; *entry != 0; ++entry) {
    *entry += reinterpret_cast<uint64_t>(&plan);
  }
  return reinterpret_cast<char**>(entries);
}

// As execvp(3): a directory that may not be searched doesn't end the search. Returns on failure.
long execute(PlanHeader& plan) noexcept {
  char** arguments = addresses(plan, plan.arguments);
  char** environment = addresses(plan, plan.environment);
  int error = ENOENT;
  for (char** candidate = addresses(plan, plan.candidates); *candidate != nullptr; ++candidate) {
    execve(*candidate, arguments, environment);
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
      return -1;
    }
    error = errno == EACCES ? EACCES : error;
  }
  errno = error;
  return -1;
}

// Whether execute() would find the command: that may change until then.
long check_command(PlanHeader& plan) noexcept {
  int error = ENOENT;
  for (auto* entry = reinterpret_cast<uint64_t*>(at(plan, plan.candidates)); *entry != 0; ++entry) {
    const char* path = at(plan, *entry);
    struct stat status {};
    if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0 &&
        stat(path, &status) == 0) {
      if (!S_ISDIR(status.st_mode)) {
        return 0;
      }
      errno = EACCES;
    }
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) {
      return -1;
    }
    error = errno == EACCES ? EACCES : error;
  }
  errno = error;
  return -1;
}

// In the child: 0. This process is an init from now on: its signals wait for that.
long fork_command(PlanHeader& plan, int init) noexcept {
  long pid = fork_process();
  if (pid <= 0) {
    return pid;
  }
  char digits[12] = {};
  char* number = digits + sizeof(digits) - 1;
  for (; pid > 0; pid /= 10) {
    *--number = static_cast<char>('0' + pid % 10);
  }
  const uint64_t all = ~uint64_t{0};
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof(all));
  const char* command[] = {"init", number, nullptr};
  syscall(SYS_execveat, init, "", command, addresses(plan, plan.environment), AT_EMPTY_PATH);
  return -1;
}

long set_filter(long flags, long count, long filter) noexcept {
  sock_fprog program{};
  program.len = static_cast<unsigned short>(count);
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an argument that is an address
  program.filter = reinterpret_cast<sock_filter*>(filter);
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

constexpr int kFirstDescriptor = 3;  // after the standard ones

long close_on_exec(PlanHeader& plan, long first) noexcept {
  const auto* given = reinterpret_cast<const int32_t*>(at(plan, plan.descriptors.offset));
  for (uint32_t i = 0; i < plan.descriptors.count; ++i) {
    if (given[i] >= kFirstDescriptor && given[i] < first) {
      fcntl(given[i], F_SETFD, FD_CLOEXEC);
    }
  }
  return syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_CLOEXEC);
}

long drop_bounding(long first, long last) noexcept {
  for (long capability = first; capability <= last; ++capability) {
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) {
      return errno == EINVAL ? 0 : -1;  // the kernel has none from here on
    }
  }
  return 0;
}

long make_hook(PlanHeader& plan, const Call& call, int directory) noexcept {
  const auto& command = *reinterpret_cast<const HookCommand*>(at(plan, call.arguments[0]));
  const HookArguments hook{at(plan, command.path), addresses(plan, command.arguments),
                           addresses(plan, command.environment), directory,
                           at(plan, call.description)};
  return run_hook(plan.report, hook);
}

// A pipe has no number.
long check_device(int directory, const char* name, mode_t type, dev_t number) noexcept {
  struct stat found;
  if (fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
    return -1;
  }
  if ((found.st_mode & S_IFMT) != type || (type != S_IFIFO && found.st_rdev != number)) {
    errno = EEXIST;
    return -1;
  }
  return 0;
}

// nullptr for a failure that ends the calls.
const Tolerated* find_tolerated(const Call& call, int error) noexcept {
  for (const Tolerated& each : call.tolerated.each) {
    if (each.error_number == error) {
      return &each;
    }
  }
  return nullptr;
}

// The result, or -1 with errno set.
long make_call(PlanHeader& plan, const Call& call) noexcept {
  long values[Call::kMaxArguments] = {};
  for (int i = 0; i < Call::kMaxArguments; ++i) {
    const uint64_t argument = call.arguments[i];
    switch (call.kinds[i]) {
      case ArgumentKind::kNumber:
        values[i] = static_cast<long>(argument);
        break;
      case ArgumentKind::kSlot:
        values[i] = slot(plan, argument);
        break;
      case ArgumentKind::kAddress:
        values[i] = reinterpret_cast<long>(at(plan, argument));
        break;
    }
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
    case kSetFilter:
      return set_filter(values[0], values[1], values[2]);
    case kCloseOnExec:
      return close_on_exec(plan, values[0]);
    case kDropBounding:
      return drop_bounding(values[0], values[1]);
    case kPause:
      return pause_with(plan.report, Report::kPaused, -1);
    case kSendListener:
      return pause_with(plan.report, Report::kListener, static_cast<int>(values[0]));
    case kCopyDirectory:
      return copy_directory(static_cast<int>(values[0]), static_cast<int>(values[1]), values[2]);
    case kRunHook:
      return make_hook(plan, call, static_cast<int>(values[1]));
    case kCheckDevice:
      return check_device(static_cast<int>(values[0]), at(plan, call.arguments[1]),
                          static_cast<mode_t>(values[2]), static_cast<dev_t>(values[3]));
    case kCheckCommand:
      return check_command(plan);
    case kExecute:
      return execute(plan);
    default:
      return syscall(call.number, values[0], values[1], values[2], values[3], values[4], values[5]);
  }
}

}  // namespace

long fork_process() noexcept {
  return syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0);
}

long send_report(int socket, const Report& report, const char* text, int descriptor) noexcept {
  iovec parts[2] = {{const_cast<Report*>(&report), sizeof(report)},
                    {const_cast<char*>(text), strlen(text)}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &descriptor, sizeof(descriptor));
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

const Call* make_calls(PlanHeader& plan, const PlanList& calls) noexcept {
  const auto* list = reinterpret_cast<const Call*>(at(plan, calls.offset));
  for (uint32_t i = 0; i < calls.count; ++i) {
    const Call& call = list[i];
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
      slot(plan, static_cast<uint64_t>(call.result.index)) = static_cast<int32_t>(result);
    }
    i += call.success_skips;
  }
  return nullptr;
}

void report_failure(const PlanHeader& plan, const Call& failed) noexcept {
  const int error = errno;
  const char* description = reinterpret_cast<const char*>(&plan) + failed.description;
  static_cast<void>(send_report(
      plan.report, {Report::kFailed, error, failed.number == kExecute ? 1U : 0U}, description, -1));
}

}  // namespace bothy::container
