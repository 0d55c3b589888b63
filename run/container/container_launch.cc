// How a ContainerIsolation launches its container: what is made on the host before the first
// process.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/files.h"
#include "base/unix_listener.h"
#include "base/user_namespace.h"
#include "container/init_program.h"
#include "container/launcher.h"
#include "container/mount_calls.h"
#include "container/mount_sources.h"
#include "run/container/container_isolation.h"
#include "run/container/device_nodes.h"
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
  std::vector<UniqueFd> nodes;
  if (wanted.is_root) {
    BOTHY_TRY(nodes, make_device_nodes(spec));
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
  namespaces_ = std::move(spec.namespaces);
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

}  // namespace bothy::run
