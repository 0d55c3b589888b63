#include "container/plan_process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "base/files.h"
#include "base/find_program.h"
#include "container/plan_hooks.h"
#include "container/plan_mounts.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

constexpr int kJoinSessionKeyring = 1;  // keyctl(2)
constexpr int kIoPriorityOfProcess = 1;
constexpr int kIoPriorityClassShift = 13;
constexpr std::size_t kKernelSignalSet = 8;
constexpr std::uint32_t kDefaultUmask = 022;
constexpr int kMaxCapabilities = 64;

// What the kernel takes: the C library's structure is another.
struct KernelSignalAction {
  std::uint64_t handler = 0;
  std::uint64_t flags = 0;
  std::uint64_t restorer = 0;
  std::uint64_t mask = 0;
};

void plan_file(ContainerPlan& plan, const char* path, const std::string& text) {
  const Slot file = plan.new_slot();
  plan.add(SYS_openat, {AT_FDCWD, path, O_WRONLY | O_CLOEXEC}).result = file;
  plan.add(SYS_write, {file, plan.keep(text), text.size()});
  plan.add(SYS_close, {file});
}

void plan_descriptors(ContainerPlan& plan, const ProcessPlan& wanted, Slot terminal) {
  plan.describe("can't set the standard descriptors");
  if (terminal.index >= 0) {
    plan.add(SYS_ioctl, {terminal, TIOCSCTTY, 0});
  }
  for (int number = 0; number < 3; ++number) {
    const int from = wanted.stdio.at(static_cast<std::size_t>(number));
    if (terminal.index >= 0) {
      plan.add(SYS_dup3, {terminal, number, 0});
    } else if (from != number) {
      plan.add(SYS_dup3, {plan.new_slot(from), number, 0});
    }
    // So that /dev/stdout can be opened; as far as the user namespace allows.
    struct stat status {};
    if (terminal.index < 0 && wanted.process.user != 0 && ::fstat(from, &status) == 0 &&
        S_ISFIFO(status.st_mode)) {
      plan.add(SYS_fchown, {number, wanted.process.user, -1}).tolerated = {{{EPERM}, {EINVAL}}};
    }
  }
}

// Links are followed within the root, and those of /proc/self/fd not at all (CVE-2024-21626).
void plan_directory(ContainerPlan& plan, Slot root, const std::string& path) {
  if (path == "/") {
    return;  // the working directory already
  }
  plan.describe(fmt::format("can't enter the working directory '{}'", printable(path)));
  const Slot directory = plan_target(plan, root, path, TargetKind::kDirectory);
  plan.add(SYS_fchdir, {directory});
}

void plan_limits(ContainerPlan& plan, const Process& process) {
  for (const Rlimit& limit : process.rlimits) {
    plan.describe(fmt::format("can't set the resource limit {}", rlimit_name(limit.resource)));
    plan.add(SYS_prlimit64, {0, limit.resource, plan.keep(std::array{limit.soft, limit.hard}), 0});
  }
  if (process.scheduler) {
    plan.describe("can't set the scheduler");
    SchedulerAttributes attributes;
    attributes.policy = process.scheduler->policy;
    attributes.flags = process.scheduler->flags;
    attributes.nice = process.scheduler->nice;
    attributes.priority = process.scheduler->priority;
    attributes.runtime = process.scheduler->runtime;
    attributes.deadline = process.scheduler->deadline;
    attributes.period = process.scheduler->period;
    plan.add(SYS_sched_setattr, {0, plan.keep(attributes), 0});
  }
  if (process.io_priority) {
    plan.describe("can't set the I/O priority");
    plan.add(SYS_ioprio_set, {kIoPriorityOfProcess, 0,
                              (process.io_priority->io_class << kIoPriorityClassShift) |
                                  process.io_priority->priority});
  }
}

void plan_filter(ContainerPlan& plan, const SeccompFilter& filter) {
  plan.describe("can't install the seccomp filter");
  Call& set =
      plan.add(kSetFilter, {filter.flags, filter.program.size(), plan.keep_array(filter.program)});
  if ((filter.flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) != 0) {
    // The next calls may wait for a listener's answer: it is handed over before them.
    const Slot listener = plan.new_slot();
    set.result = listener;
    plan.describe("can't hand over the seccomp listener");
    plan.add(kSendListener, {listener});
  }
}

Kept keep_capabilities(ContainerPlan& plan, const CapabilitySets& sets) {
  const auto low = [](Capabilities set) { return static_cast<std::uint32_t>(set); };
  const auto high = [](Capabilities set) { return static_cast<std::uint32_t>(set >> 32U); };
  std::array<__user_cap_data_struct, 2> data{};
  data[0] = {low(sets.effective), low(sets.permitted), low(sets.inheritable)};
  data[1] = {high(sets.effective), high(sets.permitted), high(sets.inheritable)};
  return plan.keep(data);
}

// The ids change while the process keeps its permitted capabilities (PR_SET_KEEPCAPS).
void plan_identity(ContainerPlan& plan, const Process& process) {
  const CapabilitySets sets = process.capabilities.value_or(CapabilitySets());
  plan.describe("can't drop capabilities");
  // All that the set lacks, those of a newer kernel as well.
  for (int first = 0; first < kMaxCapabilities; ++first) {
    const int missing = std::countr_zero(sets.bounding >> static_cast<unsigned>(first));
    const int end = std::min(first + missing, kMaxCapabilities);
    if (end > first) {
      plan.add(kDropBounding, {first, end - 1});
    }
    first = end;
  }
  if (process.user != 0) {
    plan.add(SYS_prctl, {PR_SET_KEEPCAPS, 1, 0, 0, 0});
  }
  plan.describe(fmt::format("can't become user {} with group {} (is the id mapped?)", process.user,
                            process.group));
  // setgroups(2) is denied where an ordinary user's single id is mapped: then there is no group but
  // the process's own.
  const bool has_others = std::ranges::any_of(
      process.additional_groups, [&](std::uint32_t group) { return group != process.group; });
  plan.add(SYS_setgroups,
           {process.additional_groups.size(), plan.keep_array(process.additional_groups)})
      .tolerated[0] = {has_others ? 0 : EPERM};
  plan.add(SYS_setresgid, {process.group, process.group, process.group});
  plan.add(SYS_setresuid, {process.user, process.user, process.user});
  plan.describe("can't set capabilities");
  const __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  plan.add(SYS_capset, {plan.keep(header), keep_capabilities(plan, sets)});
  // Others can't be raised (capabilities(7)); engines ask for them all the same.
  const Capabilities ambient = sets.ambient & sets.permitted & sets.inheritable;
  for (unsigned bit = 0; bit < std::bit_width(ambient); ++bit) {
    if ((ambient >> bit & 1U) != 0) {
      plan.add(SYS_prctl, {PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, bit, 0, 0});
    }
  }
}

// Waits for a connection, to which a command that can't be executed is reported then.
Slot plan_wait(ContainerPlan& plan, int start_socket) {
  plan.describe("can't wait for the start");
  const Slot connection = plan.new_slot();
  plan.add(kSendReady, {plan.new_slot(plan.report)});
  plan.add(SYS_accept4, {plan.new_slot(start_socket), nullptr, nullptr, SOCK_CLOEXEC}).result =
      connection;
  plan.add(kReportTo, {connection});
  return connection;
}

// Where it is the descriptor already, dup3(2) fails, and it is only kept.
void plan_kept_report(ContainerPlan& plan, Slot report) {
  constexpr int kFirst = 3;
  plan.describe("can't hand on the socket of reports");
  plan.add(SYS_dup3, {report, kFirst, 0}).tolerated[0] = {EINVAL};
  plan.add(SYS_fcntl, {kFirst, F_SETFD, 0});
}

// Changed ids reset it.
void plan_death(ContainerPlan& plan, const ProcessPlan& wanted) {
  if (wanted.dies_with_parent) {
    plan.add(SYS_prctl, {PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0});
  }
}

// So that a command that isn't there is known before the process waits, as callers of `create` ask.
// execve(2) decides in the end: as another user, and perhaps of another file by then.
void plan_command_check(ContainerPlan& plan, const Process& process) {
  plan.describe(fmt::format("can't run '{}'", printable(process.arguments.front())));
  plan.add(kCheckCommand, {});
}

std::vector<std::string> candidates(const Process& process) {
  const std::string& name = process.arguments.front();
  std::string_view path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  for (const std::string& variable : process.environment) {
    if (variable.starts_with("PATH=")) {
      path = std::string_view(variable).substr(5);
    }
  }
  return name.empty() ? std::vector<std::string>() : program_candidates(name, path);
}

}  // namespace

void plan_host_side(ContainerPlan& plan, const Process& process,
                    const std::vector<int>& cgroup_joins) {
  plan.describe("can't move a process into the container's cgroup");
  for (const int procs : cgroup_joins) {
    plan.add(SYS_write, {plan.new_slot(procs), "0", 1});
  }
  if (process.oom_score_adj) {
    plan.describe("can't set the OOM score");
    plan_file(plan, "/proc/self/oom_score_adj", std::to_string(*process.oom_score_adj));
  }
}

void plan_labels(ContainerPlan& plan, const Process& process) {
  if (!process.apparmor_profile.empty()) {
    plan.describe(
        fmt::format("can't set the AppArmor profile '{}'", printable(process.apparmor_profile)));
    plan_file(plan, "/proc/self/attr/apparmor/exec", "exec " + process.apparmor_profile);
  }
  if (!process.selinux_label.empty()) {
    plan.describe(
        fmt::format("can't set the SELinux label '{}'", printable(process.selinux_label)));
    plan_file(plan, "/proc/self/attr/exec", process.selinux_label);
  }
}

void plan_beginning(ContainerPlan& plan, bool user_namespace,
                    const std::vector<int>& ignored_signals) {
  plan.describe("can't prepare a new process");
  const std::uint64_t no_signals = 0;
  plan.add(SYS_rt_sigprocmask, {SIG_SETMASK, plan.keep(no_signals), nullptr, kKernelSignalSet});
  // CLONE_CLEAR_SIGHAND leaves those that are ignored.
  const Kept default_action = plan.keep(KernelSignalAction{});
  for (const int signal : ignored_signals) {
    plan.add(SYS_rt_sigaction, {signal, default_action, nullptr, kKernelSignalSet});
  }
  plan.add(SYS_setsid, {});
  plan.add(SYS_umask, {0});
  if (user_namespace) {
    plan.describe("can't become root of the user namespace");
    plan.add(SYS_setgroups, {0, nullptr}).tolerated[0] = {EPERM};
    plan.add(SYS_setresgid, {0, 0, 0});
    plan.add(SYS_setresuid, {0, 0, 0});
  }
}

void plan_process(ContainerPlan& plan, const ProcessPlan& wanted, Slot root, Slot terminal) {
  const Process& process = wanted.process;
  if (wanted.new_keyring) {
    plan.describe("can't make a session keyring");
    plan.add(SYS_keyctl, {kJoinSessionKeyring, nullptr}).tolerated[0] = {ENOSYS};
  }
  plan_descriptors(plan, wanted, terminal);
  plan_directory(plan, root, process.directory);
  plan.describe("can't prepare the command");
  plan.add(SYS_umask, {process.umask.value_or(kDefaultUmask)});
  plan.add(kCloseOnExec, {3 + wanted.preserved});
  const std::vector<std::string> files = candidates(process);
  Slot report;
  if (wanted.start_socket >= 0) {
    plan_command_check(plan, process);
    plan_death(plan, wanted);
    report = plan_wait(plan, wanted.start_socket);
  }
  plan_limits(plan, process);  // after the last descriptor has been opened
  // seccomp(2): without no_new_privs the filter needs CAP_SYS_ADMIN, which is about to go.
  if (wanted.seccomp && !process.no_new_privileges) {
    plan_filter(plan, *wanted.seccomp);
  }
  plan_identity(plan, process);
  plan_death(plan, wanted);
  if (process.no_new_privileges) {
    plan.describe("can't set no_new_privs");
    plan.add(SYS_prctl, {PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0});
    if (wanted.seccomp) {
      plan_filter(plan, *wanted.seccomp);
    }
  }
  if (wanted.hooks != nullptr) {
    plan_hooks_of_start(plan, *wanted.hooks);
  }
  if (wanted.init >= 0) {
    plan.describe("can't run the container's init");
    plan.add(kFork, {plan.new_slot(wanted.init)});
  }
  if (wanted.keeps_report) {
    plan_kept_report(plan, report.index < 0 ? plan.new_slot(plan.report) : report);
  }
  plan.describe(fmt::format("can't run '{}'", printable(process.arguments.front())));
  plan.set_command(process.arguments, process.environment, files);
  plan.add(kExecute, {});
}

}  // namespace bothy::container
