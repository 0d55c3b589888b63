#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/files.h"
#include "container/cgroup_files.h"
#include "container/launcher.h"
#include "oci/bundle.h"
#include "oci/caller_sockets.h"
#include "oci/foreground.h"
#include "oci/seccomp_cache.h"
#include "oci/seccomp_listener.h"
#include "oci/verbs.h"
#include "oci/vm_exec.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;

Result<std::uint32_t> parse_id(std::string_view text) {
  constexpr std::uint32_t kLast = 0xfffffffe;
  std::uint32_t id = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || id > kLast) {
    return make_error(ErrorCode::kInvalid, "invalid user '{}': expected UID[:GID], numbers",
                      printable(text));
  }
  return id;
}

Result<void> set_user(const std::string& text, ct::Process& process) {
  const std::size_t colon = text.find(':');
  BOTHY_TRY(process.user, parse_id(std::string_view(text).substr(0, colon)));
  if (colon != std::string::npos) {
    BOTHY_TRY(process.group, parse_id(std::string_view(text).substr(colon + 1)));
  }
  return success();
}

// execve(2) takes all but the ambient ones from another user than root; those have to be
// inheritable, which root's must not be (CVE-2022-29162).
Result<void> add_capabilities(const std::vector<std::string>& names, ct::Process& process) {
  ct::Capabilities added = 0;
  for (const std::string& name : names) {
    BOTHY_TRY(const ct::Capabilities capability, ct::parse_capability(name));
    added |= capability;
  }
  if (added != 0 && !process.capabilities) {
    process.capabilities.emplace();
  }
  if (added != 0) {
    ct::CapabilitySets& sets = *process.capabilities;
    sets.bounding |= added;
    sets.effective |= added;
    sets.permitted |= added;
    sets.inheritable |= process.user == 0 ? 0 : added;
    sets.ambient |= process.user == 0 ? 0 : added;
  }
  return success();
}

// The container's own process with what the options change.
Result<ct::Process> changed_process(const ExecOptions& options, ct::Process process) {
  if (options.arguments.empty()) {
    return make_error(ErrorCode::kInvalid, "exec needs a command, or --process");
  }
  process.arguments = options.arguments;
  process.terminal = options.terminal;
  if (!options.directory.empty()) {
    if (!options.directory.starts_with('/')) {
      return make_error(ErrorCode::kInvalid, "--cwd '{}': expected an absolute path",
                        printable(options.directory));
    }
    process.directory = options.directory;
  }
  for (const std::string& variable : options.environment) {
    if (variable.find('=') == std::string::npos || variable.starts_with('=')) {
      return make_error(ErrorCode::kInvalid, "--env '{}': expected NAME=VALUE",
                        printable(variable));
    }
    process.environment.push_back(variable);
  }
  if (!options.user.empty()) {
    BOTHY_TRY(set_user(options.user, process));
  }
  process.additional_groups.insert(process.additional_groups.end(),
                                   options.additional_groups.begin(),
                                   options.additional_groups.end());
  BOTHY_TRY(add_capabilities(options.capabilities, process));
  process.no_new_privileges = process.no_new_privileges || options.no_new_privileges;
  if (!options.apparmor_profile.empty()) {
    process.apparmor_profile = options.apparmor_profile;
  }
  if (!options.selinux_label.empty()) {
    process.selinux_label = options.selinux_label;
  }
  return process;
}

// A FIFO as well, as shells make for <(...).
Result<ct::Process> read_process_file(const std::string& path) {
  BOTHY_TRY(const UniqueFd file, open_file(path, O_RDONLY));
  BOTHY_TRY(const std::string text, read_to_end(file.get(), path));
  return ct::parse_process(text);
}

Result<ct::Process> wanted_process(const ExecOptions& options, const ct::OciSpec& spec) {
  if (!options.process_file.empty()) {
    return read_process_file(options.process_file);
  }
  if (!spec.process) {
    return make_error(ErrorCode::kInvalid, "config.json: process is missing");
  }
  return changed_process(options, *spec.process);
}

// Where the container's first process is in v2, "" for nowhere.
Result<std::string> first_process_cgroup(pid_t pid) {
  BOTHY_TRY(const ct::CgroupHost host, ct::CgroupHost::find());
  const std::string path = fmt::format("/proc/{}/cgroup", pid);
  BOTHY_TRY(const UniqueFd file, open_file(path, O_RDONLY));
  BOTHY_TRY(const std::string text, read_to_end(file.get(), path));
  for (const std::string_view line : ct::lines_of(text)) {
    if (line.starts_with("0::/") && !host.unified.empty()) {
      return host.unified + std::string(line.substr(3));
    }
  }
  return std::string();
}

std::vector<std::string> below(std::vector<std::string> paths, const std::string& cgroup) {
  for (std::string& path : paths) {
    path += "/" + cgroup;
  }
  return paths;
}

// The container's cgroup, or the one below it that is asked for. A cgroup of v2 whose controllers
// are handed on has no processes of its own (cgroup-v2.rst, No Internal Process Constraint): then
// the one that the container's first process has moved itself to.
Result<std::optional<ct::Cgroup>> find_cgroup(const Record& record, const std::string& wanted) {
  if (record.cgroups.empty()) {
    return std::optional<ct::Cgroup>();
  }
  if (!wanted.empty()) {
    const std::string padded = "/" + wanted + "/";
    if (padded.find("/../") != std::string::npos || wanted.find(':') != std::string::npos) {
      return make_error(ErrorCode::kInvalid, "--cgroup: {} is not a sub cgroup path",
                        printable(wanted));
    }
    BOTHY_TRY(ct::Cgroup cgroup, ct::Cgroup::open(below(record.cgroups, wanted)));
    return std::optional(std::move(cgroup));
  }
  BOTHY_TRY(ct::Cgroup cgroup, ct::Cgroup::open(record.cgroups));
  if (cgroup.unified_fd() >= 0 &&
      !ct::words_of(ct::cgroup_text(cgroup.unified_fd(), "cgroup.subtree_control")).empty()) {
    BOTHY_TRY(const std::string path, first_process_cgroup(record.pid));
    if (path.starts_with(cgroup.paths().front() + "/")) {
      std::vector<std::string> paths = cgroup.paths();
      paths.front() = path;
      BOTHY_TRY(cgroup, ct::Cgroup::open(paths));
    }
  }
  return std::optional(std::move(cgroup));
}

Result<void> announce(const ExecOptions& options, const ct::Launching& process) {
  if (!options.pidfd_socket.empty()) {
    BOTHY_TRY(send_pidfd(options.pidfd_socket, process.pidfd()));
  }
  if (!options.pid_file.empty()) {
    BOTHY_TRY(replace_file(options.pid_file, std::to_string(process.pid()), 0644));
  }
  return success();
}

Result<UniqueFd> open_container(const Records& records, const Record& record,
                                const ExecOptions& options) {
  BOTHY_TRY(const Status status, records.status(record));
  if (status == Status::kPaused && !options.ignore_paused) {
    return make_error(ErrorCode::kInvalid,
                      "cannot exec in a paused container: '{}' (--ignore-paused overrides that)",
                      record.id);
  }
  auto process = open_process(record);
  if (status == Status::kStopped || status == Status::kCreating || !process) {
    return make_error(ErrorCode::kInvalid, "can't exec in '{}': container not running", record.id);
  }
  return process;
}

// In a microVM: a stub stands for the process.
Result<int> exec_in_vm(const Records& records, const Record& record, const ExecOptions& options) {
  if (options.preserved != 0) {
    return make_error(ErrorCode::kUnsupported, "--preserve-fds: not possible in a microVM");
  }
  BOTHY_TRY(const ct::OciSpec spec, records.load_config(options.id));
  BOTHY_TRY(const ct::Process process, wanted_process(options, spec));
  BOTHY_TRY(open_container(records, record, options));
  // Of all that stays open the first: it needs a descriptor of its own.
  BOTHY_TRY(const UniqueFd connection, start_in_vm(records, options.id, process));
  BOTHY_TRY(const UniqueFd console,
            connect_console(options.console_socket, process.terminal, !options.detach));
  BOTHY_TRY(const std::optional<ct::Cgroup> cgroup, find_cgroup(record, options.cgroup));
  ct::EnterOptions enter;
  enter.stays_outside = true;
  enter.stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  enter.preserved = 1;
  enter.console_socket = console.get();
  if (cgroup) {
    enter.cgroup = cgroup->unified_fd();
    enter.cgroup_joins = cgroup->join_fds();
  }
  BOTHY_TRY(const ct::Process stub, stub_process(process));
  BOTHY_TRY(ct::Launching launching, ct::enter(stub, enter));
  if (const auto announced = announce(options, launching); !announced) {
    kill_child(launching.pidfd());
    return announced.error();
  }
  ct::LaunchReport report = launching.wait();
  if (report.status == ct::LaunchStatus::kFailed) {
    return make_error(ErrorCode::kSystem, "{}", report.message);
  }
  return options.detach ? Result<int>(0) : follow(launching, std::move(report.terminal));
}

}  // namespace

Result<int> exec(const Records& records, const ExecOptions& options) {
  BOTHY_TRY(const Record record, records.load(options.id));
  if (record.vm) {
    return exec_in_vm(records, record, options);
  }
  BOTHY_TRY(const UniqueFd first, open_container(records, record, options));
  BOTHY_TRY(const ct::OciSpec spec, records.load_config(options.id));
  BOTHY_TRY(ct::Process process, wanted_process(options, spec));
  leave_out_missing(process, spec);
  BOTHY_TRY(const UniqueFd console,
            connect_console(options.console_socket, process.terminal, !options.detach));
  BOTHY_TRY(const std::optional<ct::Cgroup> cgroup, find_cgroup(record, options.cgroup));
  ct::EnterOptions enter;
  enter.pidfd = first.get();
  enter.pid = record.pid;
  enter.namespaces = spec.namespaces;
  enter.stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  enter.preserved = pass_listen_fds(process, options.preserved, false);
  enter.console_socket = console.get();
  if (cgroup) {
    enter.cgroup = cgroup->unified_fd();
    enter.cgroup_joins = cgroup->join_fds();
  }
  if (spec.seccomp) {
    BOTHY_TRY(enter.seccomp, ct::compile_seccomp(*spec.seccomp, seccomp_cache()));
  }
  BOTHY_TRY(ct::Launching launching, ct::enter(process, enter));
  if (const auto announced = announce(options, launching); !announced) {
    kill_child(launching.pidfd());  // the caller doesn't learn of it
    return announced.error();
  }
  ct::LaunchReport report = launching.wait();
  if (report.status == ct::LaunchStatus::kListener) {
    const auto handed = hand_over_listener(spec.seccomp->listener, record, Status::kRunning,
                                           launching.pid(), report.listener, launching.report_fd());
    if (!handed) {
      kill_child(launching.pidfd());
      return handed.error();
    }
    report = launching.wait();
  }
  if (report.status == ct::LaunchStatus::kFailed) {
    return failed_start(report);
  }
  return options.detach ? Result<int>(0) : follow(launching, std::move(report.terminal));
}

}  // namespace bothy::oci
