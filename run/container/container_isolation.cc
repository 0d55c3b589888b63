#include "run/container/container_isolation.h"

#include <fcntl.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <span>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "base/unix_listener.h"
#include "base/user_namespace.h"
#include "container/init_program.h"
#include "container/launcher.h"
#include "container/mount_calls.h"
#include "container/mount_sources.h"
#include "run/container/lost_container.h"
#include "run/container/root.h"
#include "run/owner.h"

namespace bothy::run {
namespace {

// Where the root of root's container is mounted in its mount namespace before it becomes "/": a
// directory that every user can reach, unlike the instance's.
constexpr std::string_view kAttachPoint = "/sys";

std::vector<int> numbers_of(const std::vector<UniqueFd>& descriptors) {
  std::vector<int> numbers;
  for (const UniqueFd& each : descriptors) {
    numbers.push_back(each.get());
  }
  return numbers;
}

// The process that waits accepts a connection, and has nothing else to do.
Result<UnixListener> listen_for_start(const std::string& path) {
  BOTHY_TRY(UnixListener socket, UnixListener::bind("start", path));
  const int flags = ::fcntl(socket.fd(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.fd(), F_SETFL, flags & ~O_NONBLOCK) != 0) {
    return errno_error("can't make the start socket '" + path + "'");
  }
  return socket;
}

}  // namespace

ContainerIsolation::ContainerIsolation(const IsolationContext& context, ContainerParts parts)
    : context_(context),
      parts_(std::move(parts)),
      files_(context.executor, context.clock, context.events),
      network_(context.executor, {[this] {
                                    network_is_ready_ = true;
                                    context_.timeline.mark("the network is up");
                                    release_first();
                                  },
                                  [this](const std::string& message) {
                                    if (network_is_ready_) {
                                      return log_line(LogLevel::kError, message);
                                    }
                                    context_.events.on_failed(message);
                                  }}) {}

ContainerIsolation::~ContainerIsolation() {
  ContainerIsolation::close();
}

bool ContainerIsolation::has_user_network() const noexcept {
  return context_.options.network == Network::kUser;
}

Result<void> ContainerIsolation::start() {
  std::signal(SIGCHLD, SIG_DFL);  // children whose exits nobody ignores
  auto launched = launch();
  if (!launched) {
    close();
  }
  return launched;
}

Result<void> ContainerIsolation::launch() {
  const RunOptions& options = context_.options;
  const SpecParts& wanted = parts_.spec;
  BOTHY_TRY(container::OciSpec spec, container_spec(options, wanted));
  BOTHY_TRY(make_cgroup(spec));
  BOTHY_TRY(make_namespaces(spec));
  container::LaunchOptions how;
  BOTHY_TRY(const UniqueFd root, make_root(how));
  context_.timeline.mark("root file system made");
  BOTHY_TRY(user_, container::find_user_in_root(first_user(), root.get()));
  BOTHY_TRY(spec.process, container_process(context_.process, options, wanted.flags, user_));
  BOTHY_TRY(compile_filter());
  std::vector<UniqueFd> sources;
  if (wanted.is_root) {
    BOTHY_TRY(sources, container::open_mount_sources(spec, user_namespace_.get()));
  }
  BOTHY_TRY(ProcessPipes pipes, open_pipes(context_.process, user_));
  how.mount_sources = numbers_of(sources);
  how.user_namespace = user_namespace_.get();
  how.cgroup = cgroup_->unified_fd();
  how.cgroup_joins = cgroup_->join_fds();
  how.stdio = pipes.stdio();
  how.seccomp = filter_;
  how.dies_with_parent = true;
  how.ignored_signals.assign(kSignalsIgnoredByOwner.begin(), kSignalsIgnoredByOwner.end());
  UniqueFd init;
  if (options.init) {
    BOTHY_TRY(init, container::open_init_program());
    how.init = init.get();
  }
  if (has_user_network()) {
    BOTHY_TRY(auto socket, listen_for_start(context_.instance.at("start")));
    how.start_socket = start_socket_.emplace(std::move(socket)).fd();
  }
  BOTHY_TRY(container::Launching launching, container::launch(spec, how));
  context_.timeline.mark("process cloned");
  const pid_t pid = launching.pid();
  BOTHY_TRY(add_process(0, std::move(launching), std::move(pipes), has_user_network()));
  return has_user_network() && pid > 0 ? start_network(pid) : Result<void>(success());
}

// A network namespace for pasta is made first for ordinary users: they can't open that of the first
// process, which isn't dumpable (ptrace(2), Ptrace access mode checking).
Result<void> ContainerIsolation::make_namespaces(container::OciSpec& spec) {
  const IdMappings& mappings = parts_.spec.mappings;
  if (mappings.empty()) {
    return success();
  }
  if (parts_.spec.is_root || !has_user_network()) {
    BOTHY_TRY(user_namespace_, make_user_namespace(mappings));
    return success();
  }
  BOTHY_TRY(UserNamespaces made, make_user_namespaces(mappings));
  user_namespace_ = std::move(made.user);
  network_namespace_ = std::move(made.network);
  for (container::Namespace& each : spec.namespaces) {
    if (each.kind == container::NamespaceKind::kNetwork) {
      each.path = container::path_of(network_namespace_.get());
    }
  }
  return success();
}

Result<void> ContainerIsolation::start_network(pid_t pid) {
  UniqueFd opened;
  if (!network_namespace_) {
    BOTHY_TRY(opened, open_file(fmt::format("/proc/{}/ns/net", pid), O_RDONLY));
  }
  return network_.start(opened ? opened.get() : network_namespace_.get(), user_namespace_.get(),
                        context_.options);
}

// As Podman has it: --userns keep-id runs the command as the user who runs bothy, unless -u or the
// image says otherwise.
std::string ContainerIsolation::first_user() const {
  const std::string& user = context_.process.user;
  const bool keeps = parts_.spec.flags.user_namespace == UserNamespace::kKeepId && user.empty();
  return keeps ? fmt::format("{}:{}", ::geteuid(), ::getegid()) : user;
}

// The root, or for an ordinary user the directory that is the lowest layer of it: its processes
// mount the rest.
Result<UniqueFd> ContainerIsolation::make_root(container::LaunchOptions& how) const {
  if (!parts_.tree) {
    BOTHY_TRY(UniqueFd root,
              run::make_root(*parts_.image, {parts_.scratch, user_namespace_.get()}));
    how.root = root.get();
    how.attach_point = kAttachPoint;
    return root;
  }
  const std::string& directory = context_.instance.data_directory();
  BOTHY_TRY(how.overlay, make_user_root(*parts_.tree, directory, user_namespace_.get()));
  // A directory that covers no source of a mount.
  how.attach_point = directory + "/root";
  BOTHY_TRY(make_directories(how.attach_point));
  return open_file(parts_.tree->path, O_PATH | O_DIRECTORY);
}

Result<void> ContainerIsolation::make_cgroup(const container::OciSpec& spec) {
  const Instance& instance = context_.instance;
  const std::string name = cgroup_name(instance);
  BOTHY_TRY(const auto host, container::CgroupHost::find());
  // Before there is one, so that whoever clears a killed owner's instance finds it.
  const std::vector<std::string> places = cgroup_places(host, name);
  BOTHY_TRY(remember_cgroup(instance, places));
  BOTHY_TRY(auto cgroup, container::Cgroup::create(host, name, spec.resources, spec.device_rules));
  cgroup_.emplace(std::move(cgroup));
  const bool is_elsewhere = std::ranges::any_of(cgroup_->paths(), [&](const std::string& path) {
    return std::ranges::count(places, path) == 0;
  });
  return is_elsewhere ? remember_cgroup(instance, cgroup_->paths()) : Result<void>(success());
}

Result<void> ContainerIsolation::compile_filter() {
  BOTHY_TRY(const auto profile, container_seccomp(parts_.spec));
  if (profile) {
    BOTHY_TRY(make_directories(parts_.seccomp_cache));
    BOTHY_TRY(filter_, container::compile_seccomp(*profile, parts_.seccomp_cache));
  }
  return success();
}

Result<ProcessPipes> ContainerIsolation::open_pipes(const ProcessSpec& process,
                                                    const container::UserIds& user) const {
  const IdMappings& mappings = parts_.spec.mappings;
  if (mappings.empty()) {
    return user.user == 0 ? ProcessPipes::open(process, -1, -1)
                          : ProcessPipes::open(process, user.user, user.group);
  }
  const auto owner = host_id(mappings.users, user.user);
  const auto group = host_id(mappings.groups, user.group);
  if (!owner || !group) {
    return make_error(ErrorCode::kInvalid,
                      "can't run as user {} with group {}: the container's user namespace has no "
                      "such id{}",
                      user.user, user.group,
                      parts_.spec.is_root ? "" : " (subuid(5) gives a user more ids)");
  }
  return parts_.spec.is_root ? ProcessPipes::open(process, *owner, *group)
                             : ProcessPipes::open(process, -1, -1);
}

Result<void> ContainerIsolation::add_process(std::uint32_t number, container::Launching launching,
                                             ProcessPipes pipes, bool waits) {
  IsolationEvents& events = context_.events;
  ContainerProcess::Hooks hooks;
  hooks.waiting = [this] {
    first_waits_ = true;
    release_first();
  };
  hooks.started = [&events, number] { events.on_started(number); };
  hooks.not_started = [&events, number](int error_number, const std::string& message) {
    events.on_not_started(number, error_number, message);
  };
  hooks.stream = [&events, number](std::uint32_t index, UniqueFd stream) {
    events.on_stream(number, index, std::move(stream));
  };
  hooks.exited = [&events, number](int wait_status) { events.on_exited(number, wait_status); };
  hooks.ended = [this, number] { on_process_ended(number); };
  auto process =
      std::make_unique<ContainerProcess>(context_.executor, context_.clock, std::move(launching),
                                         std::move(hooks), number == 0, waits);
  ContainerProcess& added = *process;
  processes_[number] = std::move(process);
  if (number == 0) {
    files_.set_container(added.pid(), added.pidfd());
  }
  return added.begin(std::move(pipes));
}

// Once both it and its network are ready.
void ContainerIsolation::release_first() {
  ContainerProcess* first = find(0);
  if (!first_waits_ || !network_is_ready_ || first == nullptr) {
    return;
  }
  auto connection = connect_unix(start_socket_->path());
  if (!connection) {
    return context_.events.on_failed(connection.error().context);
  }
  first->release(std::move(connection).value());
  start_socket_.reset();
}

ContainerProcess* ContainerIsolation::find(std::uint32_t process) const {
  const auto found = processes_.find(process);
  return found == processes_.end() ? nullptr : found->second.get();
}

Result<void> ContainerIsolation::check_connected() const {
  const ContainerProcess* first = find(0);
  return first != nullptr && first->is_running()
             ? Result<void>(success())
             : make_error(ErrorCode::kInvalid, "the container's first process isn't running");
}

// Names of users are looked up by a process of its own, since the files are the container's; those
// of the first process's user, once more, aren't.
Result<void> ContainerIsolation::start_process(std::uint32_t process, const ProcessSpec& spec) {
  BOTHY_TRY(check_connected());
  if (spec.user == context_.process.user) {
    return enter(process, spec, user_);
  }
  return files_.find_user(
      process, spec.user, [this, process, spec](const Result<container::UserIds>& user) {
        const auto entered = user ? enter(process, spec, user.value()) : Result<void>(user.error());
        if (!entered) {
          context_.events.on_not_started(process, EINVAL, entered.error().context);
        }
      });
}

Result<void> ContainerIsolation::enter(std::uint32_t number, const ProcessSpec& spec,
                                       const container::UserIds& user) {
  const ContainerProcess* first = find(0);
  if (first == nullptr) {
    return make_error(ErrorCode::kInvalid, "the container's first process has ended");
  }
  BOTHY_TRY(const auto process, container_process(spec, context_.options, parts_.spec.flags, user));
  BOTHY_TRY(ProcessPipes pipes, open_pipes(spec, user));
  container::EnterOptions how;
  how.pid = first->pid();
  how.pidfd = first->pidfd();
  how.cgroup = cgroup_->unified_fd();
  how.cgroup_joins = cgroup_->join_fds();
  how.stdio = pipes.stdio();
  how.seccomp = filter_;
  how.ignored_signals.assign(kSignalsIgnoredByOwner.begin(), kSignalsIgnoredByOwner.end());
  BOTHY_TRY(container::Launching launching, container::enter(process, how));
  return add_process(number, std::move(launching), std::move(pipes), false);
}

void ContainerIsolation::signal(std::uint32_t process, int signal) {
  if (ContainerProcess* found = find(process)) {
    found->signal(signal);
  }
}

void ContainerIsolation::resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) {
  if (ContainerProcess* found = find(process)) {
    found->resize(columns, rows);
  }
}

void ContainerIsolation::forget(std::uint32_t process) {
  files_.forget(process);
  signal(process, SIGKILL);
}

Result<void> ContainerIsolation::pause() {
  return cgroup_->freeze();
}

Result<void> ContainerIsolation::resume() {
  return cgroup_->thaw();
}

Result<void> ContainerIsolation::request_statistics() {
  BOTHY_TRY(const container::CgroupStatistics used, cgroup_->statistics());
  struct sysinfo host {};
  ::sysinfo(&host);
  Statistics statistics;
  statistics.cpu_ns = used.cpu_ns;
  statistics.memory_total =
      used.memory_limit != 0 ? used.memory_limit : std::uint64_t{host.totalram} * host.mem_unit;
  statistics.memory_available =
      statistics.memory_total - std::min(used.memory, statistics.memory_total);
  statistics.processes = used.processes;
  statistics.read_bytes = used.read_bytes;
  statistics.written_bytes = used.written_bytes;
  context_.events.on_statistics(statistics);
  return success();
}

void ContainerIsolation::request_path_info(std::uint32_t request, const std::string& path) {
  files_.look_up(request, path);
}

void ContainerIsolation::copy_in(std::uint32_t copy, const std::string& directory) {
  files_.copy_in(copy, directory);
}

void ContainerIsolation::copy_out(std::uint32_t copy, const std::string& path) {
  files_.copy_out(copy, path);
}

void ContainerIsolation::on_process_ended(std::uint32_t number) {
  processes_.erase(number);
  if (number == 0) {
    context_.timeline.mark("the first process is reaped");
    context_.events.on_disconnected("the container's first process has ended");
  }
  check_ended();
}

void ContainerIsolation::kill_all() noexcept {
  // PID 1's end is that of its namespace; a frozen one ends through the cgroup.
  for (const auto& [number, process] : processes_) {
    process->signal(SIGKILL);
  }
  if (!processes_.empty() && cgroup_) {
    static_cast<void>(cgroup_->kill());
  }
}

void ContainerIsolation::shut_down(Shutdown /*urgency*/) {
  shutting_down_ = true;
  kill_all();
  check_ended();
}

void ContainerIsolation::check_ended() {
  if (shutting_down_ && processes_.empty() && !std::exchange(ended_, true)) {
    context_.events.on_ended({});
  }
}

void ContainerIsolation::close() noexcept {
  ended_ = true;
  files_.kill_all();
  network_.stop();
  kill_all();
  // PID 1 ends once all others have been reaped.
  for (auto process = processes_.rbegin(); process != processes_.rend(); ++process) {
    process->second->kill_and_wait();
  }
  processes_.clear();
  if (cgroup_) {
    if (const auto removed = cgroup_->remove()) {
      forget_cgroup(context_.instance);
    } else {
      log_line(LogLevel::kError, removed.error().context);
    }
    cgroup_.reset();
  }
  start_socket_.reset();
}

}  // namespace bothy::run
