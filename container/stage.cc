#include "container/stage.h"

#include <elf.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "container/program_file.h"
#include "container/system_calls.h"

extern "C" {
extern const std::byte kBothyContainerStageBegin[];
extern const std::byte kBothyContainerStageEnd[];
// container/arch/*/clone_vfork.S
[[gnu::returns_twice]] long bothy_clone_vfork(bothy::container::CloneArguments* arguments,
                                              std::size_t size);
}

namespace bothy::container {
namespace {

constexpr int kStageFailed = 127;
constexpr std::uint64_t kCloneClearSighand = 0x100000000ULL;
constexpr std::uint64_t kCloneIntoCgroup = 0x200000000ULL;
constexpr std::size_t kPage = 4096;

// The stage's file with the plan as its last segment (elf(5)), for which the program has a place
// without content.
std::vector<std::byte> add_plan(std::span<const std::byte> program,
                                std::span<const std::byte> plan) {
  std::vector<std::byte> file(program.begin(), program.end());
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof(header));
  const std::size_t at = header.e_phoff;
  Elf64_Phdr segment;
  std::byte* place = nullptr;
  for (std::size_t i = 0; i < header.e_phnum; ++i) {
    std::byte* each = file.data() + at + i * sizeof(segment);
    std::memcpy(&segment, each, sizeof(segment));
    if (segment.p_type == PT_LOAD) {
      place = each;
    }
  }
  std::memcpy(&segment, place, sizeof(segment));
  segment.p_offset = (file.size() + kPage - 1) / kPage * kPage;
  segment.p_filesz = plan.size();
  segment.p_memsz = plan.size();
  std::memcpy(place, &segment, sizeof(segment));
  file.resize(segment.p_offset);
  file.insert(file.end(), plan.begin(), plan.end());
  return file;
}

Result<UniqueFd> make_stage(const std::vector<std::byte>& plan) {
  const std::span program(static_cast<const std::byte*>(kBothyContainerStageBegin),
                          static_cast<const std::byte*>(kBothyContainerStageEnd));
  return make_program_file("stage", add_plan(program, plan));
}

// What the parent and its child share until that has executed the stage.
struct Shared {
  CloneArguments arguments;
  int program = -1;
  std::vector<int> descriptors;  // for the stage
  int error_number = 0;
};

// In the child. Descriptors of this process are its own copies.
void execute_stage(Shared& shared) noexcept {
  for (const int each : shared.descriptors) {
    ::fcntl(each, F_SETFD, 0);
  }
  const std::array<const char*, 2> command{"bothy", nullptr};
  const std::array<const char*, 1> environment{nullptr};
  ::syscall(SYS_execveat, shared.program, "", command.data(), environment.data(), AT_EMPTY_PATH);
  shared.error_number = errno;
  ::_exit(kStageFailed);
}

// The number of the child, which executes the stage, or an error of the clone. Without ASan, whose
// bookkeeping of the stack doesn't fit.
__attribute__((no_sanitize("address"))) long start_stage(Shared& shared) noexcept {
  const long pid = bothy_clone_vfork(&shared.arguments, sizeof(shared.arguments));
  if (pid == 0) {
    execute_stage(shared);
  }
  return pid;
}

// Waits for the end of a child.
int reap(pid_t pid) noexcept {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
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

Error execute_error(int error_number) {
  return errno_error("can't execute the program that makes a container from a file in memory",
                     error_number);
}

Result<Cloned> clone_directly(const ContainerPlan& plan) {
  Shared shared{clone_arguments(plan), -1, plan.descriptors(), 0};
  shared.descriptors.push_back(plan.report);
  BOTHY_TRY(const UniqueFd program, make_stage(plan.pack(shared.descriptors)));
  shared.program = program.get();
  int pidfd = -1;
  shared.arguments.flags |= CLONE_PIDFD | CLONE_VM | CLONE_VFORK;
  shared.arguments.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  const long pid = start_stage(shared);
  if (pid < 0) {
    return clone_error(static_cast<int>(-pid));
  }
  Cloned cloned{static_cast<pid_t>(pid), UniqueFd(pidfd)};
  if (shared.error_number != 0) {
    reap(cloned.pid);
    return execute_error(shared.error_number);
  }
  return cloned;
}

Result<Cloned> read_outcome(int events, int joiner_status) {
  std::uint64_t outcome = 0;
  if (::read(events, &outcome, sizeof(outcome)) != sizeof(outcome)) {
    return WIFSIGNALED(joiner_status)
               ? make_error(ErrorCode::kSystem,
                            "the process that joins the container's namespaces was killed by "
                            "signal {} (the container's memory limit may be reached)",
                            WTERMSIG(joiner_status))
               : Result<Cloned>(Cloned{});  // it has reported why
  }
  if ((outcome & kCloneFailed) != 0) {
    return clone_error(static_cast<int>(outcome & ~kCloneFailed));
  }
  const auto pid = static_cast<pid_t>(outcome);
  // The process is a child that nobody has waited for: the number is still its own.
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) {
    const Error error = errno_error("can't open a descriptor for a process of the container");
    ::kill(pid, SIGKILL);
    reap(pid);
    return error;
  }
  return Cloned{pid, std::move(pidfd)};
}

Result<Cloned> clone_by_joiner(const ContainerPlan& plan) {
  const UniqueFd events(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!events) {
    return errno_error("can't create an event descriptor");
  }
  Shared shared{{}, -1, plan.descriptors(), 0};
  shared.descriptors.insert(shared.descriptors.end(), {plan.report, events.get()});
  if (plan.cgroup >= 0) {
    shared.descriptors.push_back(plan.cgroup);
  }
  std::vector<std::byte> packed = plan.pack(shared.descriptors);
  PlanHeader header;
  std::memcpy(&header, packed.data(), sizeof(header));
  header.clone = clone_arguments(plan);
  header.clone.flags |= CLONE_PARENT;
  header.clone.exit_signal = 0;  // clone3(2): that of the joiner
  header.outcome = events.get();
  std::memcpy(packed.data(), &header, sizeof(header));
  BOTHY_TRY(const UniqueFd program, make_stage(packed));
  shared.program = program.get();
  shared.arguments.flags = CLONE_VM | CLONE_VFORK | kCloneClearSighand;
  shared.arguments.exit_signal = SIGCHLD;
  const long joiner = start_stage(shared);
  if (joiner < 0) {
    return errno_error("can't start a process that joins the container's namespaces",
                       static_cast<int>(-joiner));
  }
  const int status = reap(static_cast<pid_t>(joiner));
  return shared.error_number != 0 ? Result<Cloned>(execute_error(shared.error_number))
                                  : read_outcome(events.get(), status);
}

}  // namespace

Result<Cloned> clone_process(const ContainerPlan& plan) {
  // A handler of this process must not run in the new one, which shares its memory.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  auto cloned = plan.joins ? clone_by_joiner(plan) : clone_directly(plan);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return cloned;
}

}  // namespace bothy::container
