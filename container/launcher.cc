#include "container/launcher.h"

#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "base/files.h"
#include "base/send_descriptors.h"
#include "base/socket_pair.h"
#include "base/user_namespace.h"
#include "container/join.h"
#include "container/mount_sources.h"
#include "container/plan.h"
#include "container/plan_devices.h"
#include "container/plan_mounts.h"
#include "container/plan_process.h"
#include "container/stage.h"
#include "container/sysctls.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

constexpr std::size_t kMaxDescription = 1024;

// Descriptors that the plan refers to until the clone.
using Opened = std::vector<UniqueFd>;

Result<void> check(const OciSpec& spec) {
  if (!spec.process) {
    return make_error(ErrorCode::kInvalid, "the spec has no process to start");
  }
  const Namespace* mounts = spec.find(NamespaceKind::kMount);
  if (mounts == nullptr || !mounts->path.empty()) {
    return make_error(ErrorCode::kInvalid, "a container needs a mount namespace of its own");
  }
  if (!spec.hostname.empty() && spec.find(NamespaceKind::kUts) == nullptr) {
    return make_error(ErrorCode::kInvalid, "a host name needs a uts namespace");
  }
  return check_sysctls(spec);
}

Result<std::array<int, 3>> standard_descriptors(const std::array<int, 3>& wanted, Opened& opened) {
  std::array<int, 3> all = wanted;
  if (std::ranges::any_of(all, [](int each) { return each < 0; })) {
    BOTHY_TRY(UniqueFd null, open_file("/dev/null", O_RDWR));
    for (int& each : all) {
      each = each < 0 ? null.get() : each;
    }
    opened.push_back(std::move(null));
  }
  return all;
}

// Sources that the container's user may not reach, and idmapped mounts, are opened by this process,
// which has the rights to.
Result<void> open_sources(const OciSpec& spec, LaunchOptions& options, Opened& opened) {
  const bool may_open = spec.find(NamespaceKind::kUser) != nullptr && ::geteuid() == 0;
  options.mount_sources.resize(spec.mounts.size(), -1);
  for (std::size_t i = 0; i < spec.mounts.size(); ++i) {
    const Mount& mount = spec.mounts[i];
    const bool is_idmapped = mount.options.idmap || mount.options.recursive_idmap;
    if (options.mount_sources[i] >= 0 ||
        !(is_idmapped || (may_open && mount.options.is_bind() && !mount.options.remount))) {
      continue;
    }
    int ids = options.user_namespace;
    if (!mount.mappings.empty()) {
      BOTHY_TRY(UniqueFd made, make_user_namespace(mount.mappings));
      ids = made.get();
      opened.push_back(std::move(made));
    }
    if (is_idmapped && (ids < 0 || !mount.options.is_bind())) {
      return make_error(ErrorCode::kInvalid,
                        "mount of '{}': an idmapped mount is a bind mount, with mappings of its "
                        "own or of the container's user namespace",
                        printable(mount.destination));
    }
    BOTHY_TRY(UniqueFd source, open_mount_source(mount, ids));
    options.mount_sources[i] = source.get();
    opened.push_back(std::move(source));
  }
  return success();
}

Result<void> plan_join(ContainerPlan& plan, const Namespace& joined, Opened& opened) {
  BOTHY_TRY(UniqueFd fd, open_file(joined.path, O_RDONLY | O_NONBLOCK));
  plan.describe(fmt::format("can't join the {} namespace '{}'", to_string(joined.kind),
                            printable(joined.path)));
  plan.add(SYS_setns, {plan.new_slot(fd.get()), clone_flag(joined.kind)});
  opened.push_back(std::move(fd));
  return success();
}

// Namespaces that exist belong to other user namespaces than a new one: they are joined before it.
// A user namespace that exists may own the others: it is joined first (user_namespaces(7)), and so
// is any of an ordinary user, who may join no other namespace from outside.
Result<void> plan_namespaces(ContainerPlan& plan, const OciSpec& spec, const LaunchOptions& options,
                             Opened& opened) {
  const Namespace* user = spec.find(NamespaceKind::kUser);
  const bool is_user = user != nullptr && ::geteuid() != 0;
  const auto join_made = [&] {
    plan.describe("can't join the container's user namespace");
    plan.add(SYS_setns, {plan.new_slot(options.user_namespace), CLONE_NEWUSER});
  };
  if (user != nullptr && !user->path.empty()) {
    BOTHY_TRY(plan_join(plan, *user, opened));
  } else if (is_user) {
    join_made();
  }
  for (const Namespace& each : spec.namespaces) {
    if (each.kind == NamespaceKind::kUser) {
      continue;
    }
    if (each.path.empty()) {
      plan.clone_flags |= clone_flag(each.kind);
    } else {
      BOTHY_TRY(plan_join(plan, each, opened));
    }
  }
  if (user != nullptr && user->path.empty() && !is_user) {
    join_made();
  }
  return success();
}

// The offsets are set by a process outside the namespace, before there is one inside
// (time_namespaces(7)).
void plan_time(ContainerPlan& plan, const OciSpec& spec) {
  std::string text;
  const auto add = [&](std::string_view clock, const std::optional<TimeOffset>& offset) {
    if (offset) {
      text += fmt::format("{} {} {}\n", clock, offset->seconds, offset->nanoseconds);
    }
  };
  add("monotonic", spec.monotonic_offset);
  add("boottime", spec.boot_offset);
  const Namespace* time = spec.find(NamespaceKind::kTime);
  if (text.empty() || time == nullptr || !time->path.empty()) {
    return;
  }
  plan.clone_flags &= ~clone_flag(NamespaceKind::kTime);
  plan.describe("can't set the clocks of the time namespace");
  plan.add(SYS_unshare, {clone_flag(NamespaceKind::kTime)});
  const Slot file = plan.new_slot();
  plan.add(SYS_openat, {AT_FDCWD, "/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC}).result = file;
  plan.add(SYS_write, {file, plan.keep(text), text.size()});
}

// A new time namespace is none for a process that shares its parent's memory.
bool needs_joiner(const OciSpec& spec) {
  return spec.find(NamespaceKind::kUser) != nullptr || spec.find(NamespaceKind::kTime) != nullptr ||
         std::ranges::any_of(spec.namespaces,
                             [](const Namespace& each) { return !each.path.empty(); });
}

void plan_network(ContainerPlan& plan, const OciSpec& spec) {
  const Namespace* network = spec.find(NamespaceKind::kNetwork);
  if (network == nullptr || !network->path.empty()) {
    return;
  }
  plan.describe("can't set the loopback interface up");
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", 3);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const Slot socket = plan.new_slot();
  plan.add(SYS_socket, {AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0}).result = socket;
  plan.add(SYS_ioctl, {socket, SIOCSIFFLAGS, plan.keep(request)});
}

void plan_names(ContainerPlan& plan, const OciSpec& spec) {
  plan.describe("can't set the host name");
  if (!spec.hostname.empty()) {
    plan.add(SYS_sethostname, {plan.keep(spec.hostname), spec.hostname.size()});
  }
  if (!spec.domain_name.empty()) {
    plan.add(SYS_setdomainname, {plan.keep(spec.domain_name), spec.domain_name.size()});
  }
}

Result<Launching> clone(ContainerPlan& plan, SocketPair reports) {
  BOTHY_TRY(Cloned cloned, clone_process(plan));
  return Launching(cloned.pid, std::move(cloned.pidfd), std::move(reports.ours));
}

LaunchReport failure(const Report& report, std::string_view text) {
  LaunchReport result;
  result.status = LaunchStatus::kFailed;
  result.error_number = report.error_number;
  result.at_exec = report.at_exec != 0;
  // A command that keeps the socket may report what is no errno value's.
  result.message = report.error_number == 0
                       ? std::string(text)
                       : errno_error(std::string(text), report.error_number).context;
  return result;
}

LaunchReport receive_report(int socket, int flags) {
  Report report;
  std::array<char, kMaxDescription> text{};
  std::array<iovec, 2> parts{{{&report, sizeof(report)}, {text.data(), text.size()}}};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t count = 0;
  do {
    count = ::recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  LaunchReport result;
  if (count < 0 && errno == EAGAIN) {
    return result;
  }
  if (count < static_cast<ssize_t>(sizeof(report)) || report.kind == Report::kReady) {
    result.status = LaunchStatus::kRunning;
    return result;
  }
  UniqueFd received;
  if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof(descriptor));
    received.reset(descriptor);
  }
  switch (report.kind) {
    case Report::kTerminal:
      if (!received) {
        break;
      }
      result.status = LaunchStatus::kTerminal;
      result.terminal = std::move(received);
      return result;
    case Report::kListener:
      if (!received) {
        break;
      }
      result.status = LaunchStatus::kListener;
      result.listener = std::move(received);
      return result;
    case Report::kPaused:
      result.status = LaunchStatus::kPaused;
      return result;
    case Report::kHook:
      result.status = LaunchStatus::kHook;
      return result;
    case Report::kHookEnd:
      result.status = LaunchStatus::kHookEnd;
      result.hook_status = report.error_number;
      return result;
    default:
      break;
  }
  return failure(report, {text.data(), static_cast<std::size_t>(count) - sizeof(report)});
}

Result<void> answer(int socket, std::span<const int> descriptors) {
  return send_descriptors(socket, descriptors)
             ? Result<void>(success())
             : errno_error("can't answer the container's process");
}

}  // namespace

LaunchReport Launching::read_report() {
  LaunchReport report = receive_report(report_.get(), MSG_DONTWAIT);
  if (report.status == LaunchStatus::kRunning && pid_ < 0) {
    report.status = LaunchStatus::kFailed;
    report.error_number = ESRCH;
    report.message = "the process that joins the container's namespaces was killed";
  }
  return report;
}

LaunchReport Launching::wait() {
  for (;;) {
    pollfd ready{report_.get(), POLLIN, 0};
    ::poll(&ready, 1, -1);
    LaunchReport report = read_report();
    if (report.status == LaunchStatus::kTerminal) {
      terminal_ = std::move(report.terminal);
    } else if (report.status != LaunchStatus::kPending) {
      if (report.status == LaunchStatus::kRunning) {
        report.terminal = std::move(terminal_);
      }
      return report;
    }
  }
}

LaunchReport receive_start(int socket) {
  return receive_report(socket, 0);
}

Result<void> answer_pause(int socket) {
  return answer(socket, {});
}

Result<void> answer_hook(int socket, int input, int output) {
  const std::array descriptors{input, output};
  return answer(socket, descriptors);
}

Result<Launching> launch(const OciSpec& spec, const LaunchOptions& wanted) {
  BOTHY_TRY(check(spec));
  LaunchOptions options = wanted;
  Opened opened;
  const Namespace* user = spec.find(NamespaceKind::kUser);
  if (user != nullptr && user->path.empty() && options.user_namespace < 0) {
    BOTHY_TRY(UniqueFd made, make_user_namespace(spec.mappings));
    options.user_namespace = made.get();
    opened.push_back(std::move(made));
  }
  BOTHY_TRY(open_sources(spec, options, opened));
  BOTHY_TRY(options.stdio, standard_descriptors(options.stdio, opened));
  BOTHY_TRY(SocketPair reports, SocketPair::create(SOCK_SEQPACKET));
  ContainerPlan plan;
  plan.report = reports.theirs.get();
  plan.cgroup = options.cgroup;
  plan.joins = needs_joiner(spec);
  if (!plan.joins) {
    plan.begin_inner();
  }
  plan_host_side(plan, *spec.process, options.cgroup_joins);
  BOTHY_TRY(plan_namespaces(plan, spec, options, opened));
  plan_time(plan, spec);
  plan.begin_inner();
  plan_beginning(plan, user != nullptr, options.ignored_signals);
  plan_network(plan, spec);
  BOTHY_TRY(const FileSystemPlan files, plan_file_system(plan, spec, options));
  plan_names(plan, spec);
  plan_process(plan,
               {*spec.process, options.stdio, options.preserved, options.seccomp,
                options.start_socket, options.init, options.new_keyring, options.dies_with_parent,
                options.keeps_report, &spec.hooks},
               files.root, files.terminal);
  return clone(plan, std::move(reports));
}

Result<Launching> enter(const Process& process, const EnterOptions& options) {
  Opened opened;
  NamespacesToJoin namespaces;
  if (!options.stays_outside) {
    BOTHY_TRY(namespaces, namespaces_to_join(options.pid, options.namespaces));
  }
  BOTHY_TRY(const auto stdio, standard_descriptors(options.stdio, opened));
  BOTHY_TRY(SocketPair reports, SocketPair::create(SOCK_SEQPACKET));
  ContainerPlan plan;
  plan.report = reports.theirs.get();
  plan.cgroup = options.cgroup;
  plan.joins = !options.stays_outside;
  if (!plan.joins) {
    plan.begin_inner();
  }
  plan_host_side(plan, process, options.cgroup_joins);
  plan_labels(plan, process);
  const Slot container = plan.joins ? plan.new_slot(options.pidfd) : Slot{};
  if (plan.joins) {
    plan.describe("can't join the container's namespaces");
    plan.add(SYS_setns, {container, namespaces.flags});
    plan.begin_inner();
  }
  if (namespaces.cgroup) {
    // Not by the joiner: with the mount option nsdelegate nobody clones a process into a cgroup
    // from one that is outside of the cgroup namespace (cgroups(7)).
    plan.describe("can't join the container's cgroup namespace");
    plan.add(SYS_setns, {container, CLONE_NEWCGROUP});
  }
  plan_beginning(plan, (namespaces.flags & CLONE_NEWUSER) != 0, options.ignored_signals);
  const Slot root = plan.new_slot();
  plan.describe("can't open the root directory");
  plan.add(SYS_openat, {AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC}).result = root;
  Slot terminal;
  if (process.terminal) {
    terminal = plan_terminal_below(plan, root, process, options.console_socket);
  }
  plan_process(plan,
               {process, stdio, options.preserved, options.seccomp, -1, -1, options.new_keyring,
                false, false, nullptr},
               root, terminal);
  return clone(plan, std::move(reports));
}

}  // namespace bothy::container
