#include "oci/new_cgroup.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/files.h"
#include "container/cgroup_files.h"
#include "container/cgroup_limits.h"
#include "container/cgroup_owner.h"
#include "container/device_rule.h"
#include "container/systemd/manager.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;

std::string cgroup_path(const ct::OciSpec& spec, const std::string& id) {
  return spec.cgroups_path.empty() ? "bothy/" + id : spec.cgroups_path;
}

// The spec's rules, and the devices that every container has (config-linux.md, Default Devices).
std::vector<ct::DeviceRule> device_rules(const ct::OciSpec& spec) {
  std::vector<ct::DeviceRule> rules = spec.device_rules;
  if (!rules.empty()) {
    const std::vector<ct::DeviceRule> defaults = ct::default_device_rules();
    rules.insert(rules.end(), defaults.begin(), defaults.end());
  }
  return rules;
}

// v1's hierarchies can't be given safely.
Result<void> give(const ct::CgroupHost& host, const ct::Cgroup& cgroup, const ct::OciSpec& spec) {
  const std::optional<ct::CgroupOwner> owner = ct::cgroup_owner(spec);
  if (!owner || cgroup.unified_fd() < 0 || !host.hierarchies.empty()) {
    return success();
  }
  return ct::give_cgroup(cgroup.unified_fd(), *owner);
}

// The directory in which systemd has put the process.
Result<std::string> scope_directory(const ct::CgroupHost& host, pid_t pid,
                                    const std::string& unit) {
  const std::string text =
      ct::read_cgroup_record(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid)).value_or("");
  constexpr std::string_view kUnified = "0::";
  for (const std::string_view line : ct::lines_of(text)) {
    if (line.starts_with(kUnified) && line.ends_with("/" + unit)) {
      return host.unified + std::string(line.substr(kUnified.size()));
    }
  }
  return make_error(ErrorCode::kSystem,
                    "scope '{}' of systemd's has started, but its process isn't in it: {}",
                    printable(unit), printable(text));
}

// What systemd is to know of limits, so that it doesn't put its own in their place.
Result<ct::UnitProperties> properties_of(const ct::Resources& resources) {
  BOTHY_TRY(const ct::LimitWrites writes, ct::limit_writes(resources, {}));
  return ct::limit_properties(writes);
}

Result<void> stop_unit(const std::string& unit) {
  if (unit.empty()) {
    return success();
  }
  BOTHY_TRY(auto manager, ct::SystemdManager::connect(ct::SystemdManager::usual()));
  return manager.stop(unit);
}

}  // namespace

Result<Placeholder> Placeholder::start() {
  const pid_t parent = ::getpid();
  Placeholder started;
  started.pid_ = ::fork();
  if (started.pid_ < 0) {
    started.pid_ = 0;
    return errno_error("can't start a process for systemd's scope");
  }
  if (started.pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (::getppid() == parent) {
      ::pause();
    }
    ::_exit(0);
  }
  return started;
}

void Placeholder::end() noexcept {
  if (const pid_t pid = std::exchange(pid_, 0); pid > 0) {
    ::kill(pid, SIGKILL);
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

Result<NewCgroup> NewCgroup::make(const CreateOptions& options, const ct::OciSpec& spec) {
  NewCgroup made;
  if (options.cgroups == CgroupDriver::kNone) {
    return made;
  }
  if (options.cgroups == CgroupDriver::kSystemd) {
    const Result<void> scope = made.make_scope(options, spec);
    if (!scope) {
      made.placeholder_.end();
      static_cast<void>(stop_unit(made.unit_));
      return scope.error();
    }
    return made;
  }
  BOTHY_TRY(const ct::CgroupHost host, ct::CgroupHost::find());
  // Engines read these themselves, by /proc/PID/cgroup: in v1 each in a hierarchy of its own.
  std::vector<std::string> counted{"cpuacct", "blkio", "pids"};
  // In v2 all, as in runc and crun: an engine or systemd in the container hands them on.
  counted.insert(counted.end(), host.unified_controllers.begin(), host.unified_controllers.end());
  BOTHY_TRY(made.cgroup_, ct::Cgroup::create(host, cgroup_path(spec, options.id), spec.resources,
                                             device_rules(spec), counted));
  if (const auto given = give(host, *made.cgroup_, spec); !given) {
    static_cast<void>(made.cgroup_->remove());
    return given.error();
  }
  return made;
}

Result<void> NewCgroup::make_scope(const CreateOptions& options, const ct::OciSpec& spec) {
  BOTHY_TRY(const ct::CgroupHost host, ct::CgroupHost::find());
  if (host.unified.empty() || !host.hierarchies.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "cgroups by systemd take cgroup v2 without v1's hierarchies: choose the "
                      "cgroup driver 'cgroupfs' in the engine's configuration, or boot with "
                      "systemd.unified_cgroup_hierarchy=1");
  }
  const auto whose = ct::SystemdManager::usual();
  BOTHY_TRY(const ct::ScopeName name,
            ct::parse_scope_name(
                spec.cgroups_path, options.id,
                whose == ct::SystemdManager::Whose::kSystem ? "system.slice" : "user.slice"));
  ct::Resources resources = spec.resources;
  one_process_ = resources.processes == 1;
  if (one_process_) {
    resources.processes = 2;
  }
  BOTHY_TRY(ct::UnitProperties properties, properties_of(resources));
  BOTHY_TRY(const ct::UnitProperties annotated, ct::annotated_properties(spec.annotations));
  properties.insert(properties.end(), annotated.begin(), annotated.end());
  BOTHY_TRY(auto manager, ct::SystemdManager::connect(whose));
  BOTHY_TRY(placeholder_, Placeholder::start());
  BOTHY_TRY(
      manager.start_scope(name, placeholder_.pid(), "bothy container " + options.id, properties));
  unit_ = name.unit;
  return fill_scope(host, spec, resources);
}

// The limits that systemd doesn't know, and the others once more: systemd rounds a CPU quota.
Result<void> NewCgroup::fill_scope(const ct::CgroupHost& host, const ct::OciSpec& spec,
                                   const ct::Resources& resources) {
  BOTHY_TRY(const std::string path, scope_directory(host, placeholder_.pid(), unit_));
  BOTHY_TRY(cgroup_, ct::Cgroup::open({path}));
  BOTHY_TRY(cgroup_->apply(resources));
  const std::vector<ct::DeviceRule> rules = device_rules(spec);
  if (!rules.empty()) {
    BOTHY_TRY(cgroup_->set_device_rules(rules));
  }
  return give(host, *cgroup_, spec);
}

void NewCgroup::place(ct::LaunchOptions& launch) const {
  if (cgroup_) {
    launch.cgroup = cgroup_->unified_fd();
    launch.cgroup_joins = cgroup_->join_fds();
  }
}

Result<void> NewCgroup::settle() {
  placeholder_.end();
  if (!one_process_) {
    return success();
  }
  Record record;
  describe(record);
  ct::Resources resources;
  resources.processes = 1;
  return change_limits(record, *cgroup_, resources);
}

void NewCgroup::describe(Record& record) const {
  if (cgroup_) {
    record.cgroups = cgroup_->paths();
  }
  record.unit = unit_;
}

Result<void> NewCgroup::remove() {
  BOTHY_TRY(stop_unit(unit_));
  return cgroup_ ? cgroup_->remove() : Result<void>(success());
}

Result<void> change_limits(const Record& record, ct::Cgroup& cgroup,
                           const ct::Resources& resources) {
  if (record.unit.empty()) {
    return cgroup.apply(resources);
  }
  BOTHY_TRY(const ct::Resources complete, cgroup.complete(resources));
  BOTHY_TRY(const ct::UnitProperties properties, properties_of(complete));
  BOTHY_TRY(auto manager, ct::SystemdManager::connect(ct::SystemdManager::usual()));
  BOTHY_TRY(manager.set_properties(record.unit, properties));
  return cgroup.apply(complete);
}

Result<void> remove_cgroup(const Record& record) {
  if (record.cgroups.empty()) {
    return success();
  }
  auto cgroup = ct::Cgroup::open(record.cgroups);
  if (!cgroup && cgroup.error().code != ErrorCode::kNotFound) {
    return cgroup.error();
  }
  if (cgroup) {
    BOTHY_TRY(kill_processes(cgroup.value()));
  }
  BOTHY_TRY(stop_unit(record.unit));
  return cgroup ? cgroup.value().remove() : Result<void>(success());
}

}  // namespace bothy::oci
