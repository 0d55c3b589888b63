#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/files.h"
#include "base/utc_time.h"
#include "container/cgroup.h"
#include "container/launcher.h"
#include "oci/bundle.h"
#include "oci/caller_sockets.h"
#include "oci/foreground.h"
#include "oci/hooks.h"
#include "oci/new_cgroup.h"
#include "oci/notify_socket.h"
#include "oci/seccomp_cache.h"
#include "oci/start_socket.h"
#include "oci/verbs.h"
#include "oci/vm_launch.h"
#include "oci/vm_spec.h"

namespace bothy::oci {
namespace {

namespace ct = bothy::container;

// Removes what there is of a container unless it is kept.
class Unfinished {
 public:
  Unfinished(const Records& records, std::string id) : records_(records), id_(std::move(id)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    if (!kept_) {
      kill_child(pidfd);
      if (ct::Cgroup* made = cgroup.get()) {
        static_cast<void>(made->kill());
      }
      static_cast<void>(cgroup.remove());
      static_cast<void>(records_.remove(id_));
    }
  }
  void keep() noexcept { kept_ = true; }

  NewCgroup cgroup;
  int pidfd = -1;  // of a child of this process

 private:
  const Records& records_;
  std::string id_;
  bool kept_ = false;
};

// Without the C library's look-up of names, which needs its shared libraries. The user is the one
// that this program was started as, so asking takes no system call.
std::string user_name() {
  const unsigned long user = ::getauxval(AT_EUID);
  return user == 0 ? "root" : std::to_string(user);
}

// A bundle, and what this process hands on to its container.
Result<Bundle> load(CreateOptions& options) {
  BOTHY_TRY(Bundle bundle, load_bundle(options.bundle));
  BOTHY_TRY(options.vm, is_vm(options.vm, bundle.spec.annotations));
  if (!options.vm && bundle.spec.machine) {
    // config-vm.md: a process on the host's kernel would be less than what this asks for.
    return make_error(ErrorCode::kBadInput, "config.json: vm: not supported in a container");
  }
  if (options.vm && options.preserved != 0) {
    return make_error(ErrorCode::kUnsupported, "--preserve-fds: not possible in a microVM");
  }
  if (bundle.spec.process && !options.vm) {
    leave_out_missing(*bundle.spec.process, bundle.spec);
    const bool first = bundle.spec.find(ct::NamespaceKind::kPid) != nullptr;
    options.preserved = pass_listen_fds(*bundle.spec.process, options.preserved, first);
  }
  return bundle;
}

struct Made {
  Record record;
  ct::Launching process;
  NewCgroup cgroup;
  UniqueFd terminal;
  std::optional<NotifySocket> notify;  // of a process that doesn't wait for start()
};

Record record_of(const CreateOptions& options, const Bundle& bundle, const NewCgroup& cgroup) {
  Record record;
  record.version = bundle.spec.version;
  record.id = options.id;
  record.bundle = bundle.directory;
  record.root = bundle.spec.root.path;
  record.created = utc_now();
  record.owner = user_name();
  record.annotations = bundle.spec.annotations;
  record.vm = options.vm;
  cgroup.describe(record);
  record.start_container = bundle.spec.hooks.start_container;
  record.poststart = bundle.spec.hooks.poststart;
  record.poststop = bundle.spec.hooks.poststop;
  if (bundle.spec.seccomp && !options.vm) {
    record.listener = bundle.spec.seccomp->listener;
  }
  return record;
}

enum class Waits { kForStart, kNot };

// What a container's process is launched with, and the sockets that it refers to.
struct LaunchParts {
  ct::LaunchOptions options;
  UniqueFd console;
  UniqueFd start;
};

Result<LaunchParts> launch_parts(const Records& records, const CreateOptions& options,
                                 const ct::OciSpec& spec, Waits waits, bool attached) {
  LaunchParts parts;
  ct::LaunchOptions& launch = parts.options;
  launch.stdio = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  launch.preserved = options.preserved;
  launch.pivot = options.pivot;
  launch.new_keyring = options.new_keyring;
  BOTHY_TRY(parts.console,
            connect_console(options.console_socket, spec.process->terminal, attached));
  launch.console_socket = parts.console.get();
  if (spec.seccomp && !options.vm) {
    BOTHY_TRY(launch.seccomp, ct::compile_seccomp(*spec.seccomp, seccomp_cache()));
  }
  if (waits == Waits::kForStart) {
    BOTHY_TRY(parts.start, listen_for_start(records.start_socket(options.id)));
    launch.start_socket = parts.start.get();
  }
  if (options.vm) {
    set_owner_options(spec, launch);
  }
  return parts;
}

// What the caller asked to be told of a process that there is now.
Result<void> announce(const CreateOptions& options, const ct::Launching& process) {
  if (!options.pidfd_socket.empty()) {
    BOTHY_TRY(send_pidfd(options.pidfd_socket, process.pidfd()));
  }
  if (!options.pid_file.empty()) {
    BOTHY_TRY(replace_file(options.pid_file, std::to_string(process.pid()), 0644));
  }
  return success();
}

Result<Made> make(const Records& records, const CreateOptions& options, Bundle& bundle, Waits waits,
                  bool attached) {
  ct::OciSpec& spec = bundle.spec;
  if (!spec.process) {
    return make_error(ErrorCode::kInvalid, "config.json: process is missing");
  }
  BOTHY_TRY(records.reserve(options.id));
  Unfinished unfinished(records, options.id);
  if (NotifySocket::is_wanted() && !options.vm) {
    BOTHY_TRY(NotifySocket::prepare(records, options.id, spec));
  }
  std::optional<NotifySocket> notify;
  if (waits == Waits::kNot && !options.vm) {
    BOTHY_TRY(notify, NotifySocket::bind(records, options.id));
  }
  BOTHY_TRY(LaunchParts parts, launch_parts(records, options, spec, waits, attached));
  ct::OciSpec owner;
  if (options.vm) {
    BOTHY_TRY(owner, vm_owner(records, options.id, spec));
  }
  const ct::OciSpec& launched = options.vm ? owner : spec;
  BOTHY_TRY(unfinished.cgroup, NewCgroup::make(options, launched));
  unfinished.cgroup.place(parts.options);
  // Before there is a process: `delete --force` finds what is left if this program is killed.
  Record record = record_of(options, bundle, unfinished.cgroup);
  BOTHY_TRY(records.save(record));
  BOTHY_TRY(records.save_config(options.id, bundle.config));
  BOTHY_TRY(ct::Launching process, ct::launch(launched, parts.options));
  unfinished.pidfd = process.pidfd();
  record.pid = process.pid();
  BOTHY_TRY(unfinished.cgroup.settle());
  BOTHY_TRY(ct::LaunchReport report, wait_with_hooks(process, launched.hooks, record));
  if (report.status == ct::LaunchStatus::kFailed) {
    return failed_start(report);
  }
  if (options.vm && waits == Waits::kForStart) {
    BOTHY_TRY(check_command(process.pid(), spec));
  }
  // A process that has ended already is one that isn't running.
  const auto start_time = process_start(record.pid);
  record.pid_start = start_time ? start_time.value() : 0;
  BOTHY_TRY(records.save(record));
  BOTHY_TRY(announce(options, process));
  unfinished.keep();
  return Made{std::move(record), std::move(process), std::move(unfinished.cgroup),
              std::move(report.terminal), std::move(notify)};
}

}  // namespace

std::string seccomp_cache() {
  return ::geteuid() == 0 ? "/run/bothy/seccomp" : std::string();
}

// The words that engines look for, to tell a command that isn't there from other failures.
Error failed_start(const ct::LaunchReport& report) {
  Error error{code_from_errno(report.error_number), report.message};
  constexpr std::string_view kBeginning = "can't run '";
  const std::size_t end = report.message.rfind("': ");
  const bool of_command = report.at_exec || report.message.starts_with(kBeginning);
  if (!of_command || end == std::string::npos || end < kBeginning.size()) {
    return error;
  }
  const std::string_view name =
      std::string_view(report.message).substr(kBeginning.size(), end - kBeginning.size());
  std::string reason = report.message.substr(end + 3);
  if (report.error_number == ENOENT) {
    reason = name.find('/') == std::string_view::npos ? "executable file not found in $PATH"
                                                      : "no such file or directory";
  } else if (report.error_number == EACCES) {
    reason = "permission denied";
  }
  return {error.code, report.message.substr(0, end + 3) + reason};
}

Result<void> create(const Records& records, const CreateOptions& wanted) {
  CreateOptions options = wanted;
  BOTHY_TRY(Bundle bundle, load(options));
  BOTHY_TRY(make(records, options, bundle, Waits::kForStart, false));
  return success();
}

Result<int> run(const Records& records, const CreateOptions& wanted,
                const RunOptions& run_options) {
  CreateOptions options = wanted;
  BOTHY_TRY(Bundle bundle, load(options));
  BOTHY_TRY(Made made, make(records, options, bundle, Waits::kNot, !run_options.detach));
  run_poststart(made.record);
  if (run_options.detach) {
    if (made.notify) {
      made.notify->wait(made.record);
    }
    return 0;
  }
  BOTHY_TRY(const int code,
            follow(made.process, std::move(made.terminal), made.notify ? &*made.notify : nullptr));
  // In a PID namespace of its own no process outlives the container's first; what serves a microVM
  // is in none.
  const ct::Namespace* pids = bundle.spec.find(ct::NamespaceKind::kPid);
  ct::Cgroup* cgroup = made.cgroup.get();
  const bool is_alone = pids != nullptr && pids->path.empty() && !made.record.vm;
  if (cgroup != nullptr && !is_alone) {
    BOTHY_TRY(kill_processes(*cgroup));
  }
  if (run_options.keep) {
    return code;
  }
  BOTHY_TRY(made.cgroup.remove());
  BOTHY_TRY(records.remove(options.id));
  run_poststop(made.record);
  return code;
}

}  // namespace bothy::oci
