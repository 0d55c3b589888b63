// The verbs of the OCI runtime interface (runtime-spec, runtime.md, Operations).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "container/cgroup.h"
#include "container/launcher.h"
#include "oci/record.h"

namespace bothy::oci {

// Who makes a container's cgroup.
enum class CgroupDriver : std::uint8_t {
  kFiles,    // bothy, by files of the kernel's
  kSystemd,  // systemd, as a scope, which bothy asks for
  kNone,     // nobody: the process stays in the caller's
};

struct CreateOptions {
  std::string id;
  std::string bundle;           // a directory
  std::string pid_file;         // where the pid is written; empty: nowhere
  std::string console_socket;   // a unix socket that gets the terminal; empty: none
  std::string pidfd_socket;     // one that gets a pidfd of the process; empty: none
  std::uint32_t preserved = 0;  // descriptors from 3 on that the process gets
  bool pivot = true;
  bool new_keyring = true;
  CgroupDriver cgroups = CgroupDriver::kFiles;
  bool vm = false;  // a microVM, unless the bundle's annotations say otherwise
};

struct RunOptions {
  bool detach = false;
  bool keep = false;  // the container is there after its end, stopped
};

// Makes a container whose process waits for start(). After a failure nothing of it is left.
[[nodiscard]] Result<void> create(const Records& records, const CreateOptions& options);

// Lets the process of a created container run. kInvalid when it isn't in the state "created". The
// error of a command that can't be executed has the process's reason.
[[nodiscard]] Result<void> start(const Records& records, const std::string& id);

// Creates and starts a container. Attached: waits for its end, deletes it, and gives its exit
// status, 128 and the signal's number for a process that a signal ended; signals that this process
// gets go to the container's. Detached: gives 0.
[[nodiscard]] Result<int> run(const Records& records, const CreateOptions& options,
                              const RunOptions& run_options);

// kInvalid when the container has stopped ("container not running"). `all`: every process of its
// cgroup, and none is no error.
[[nodiscard]] Result<void> kill(const Records& records, const std::string& id, int signal,
                                bool all);

// A process in a container. Without process_file it is the container's own with other arguments,
// and what else is given here.
struct ExecOptions {
  std::string id;
  std::string process_file;  // a process.json; empty: none
  std::vector<std::string> arguments;
  std::string directory;
  std::vector<std::string> environment;  // NAME=VALUE
  std::string user;                      // UID[:GID]
  std::vector<std::uint32_t> additional_groups;
  std::vector<std::string> capabilities;
  bool terminal = false;
  bool no_new_privileges = false;
  std::string apparmor_profile;
  std::string selinux_label;

  bool detach = false;
  std::string pid_file;
  std::string console_socket;
  std::string pidfd_socket;
  std::uint32_t preserved = 0;
  std::string cgroup;          // below the container's; empty: the container's
  bool ignore_paused = false;  // start it in a paused container: it runs once that is resumed
};

// Starts a process in a container that has been created or runs. Attached: gives its exit status,
// as run() does. Detached: gives 0 once it runs.
[[nodiscard]] Result<int> exec(const Records& records, const ExecOptions& options);

struct Listed {
  Record record;
  Status status = Status::kStopped;
};
// All containers, sorted by their ids.
[[nodiscard]] Result<std::vector<Listed>> list(const Records& records);

// The pids of a container's processes, in this process's PID namespace, sorted.
[[nodiscard]] Result<std::vector<pid_t>> processes(const Records& records, const std::string& id);

// Stops all processes of a container, and lets them run on. kInvalid for one that doesn't run, or
// isn't paused.
[[nodiscard]] Result<void> pause(const Records& records, const std::string& id);
[[nodiscard]] Result<void> resume(const Records& records, const std::string& id);

// Changes the limits that are set in `resources`, and leaves the others.
[[nodiscard]] Result<void> update(const Records& records, const std::string& id,
                                  const container::Resources& resources);

// Deletes a container that has stopped, or one whose process waits for start(), which is ended;
// with `force` any, and none is no error.
[[nodiscard]] Result<void> remove(const Records& records, const std::string& id, bool force);

// Kills a container's first process, if there is one, and waits for its end.
[[nodiscard]] Result<void> end_process(const Record& record);

// Kills every process of a container's cgroup. A container without one has no processes that are
// known but its first.
[[nodiscard]] Result<void> kill_processes(container::Cgroup& cgroup);

// The error of a process that couldn't execute its command.
[[nodiscard]] Error failed_start(const container::LaunchReport& report);

}  // namespace bothy::oci
