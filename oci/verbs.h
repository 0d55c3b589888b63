// The verbs of the OCI runtime interface (runtime-spec, runtime.md, Operations).
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "container/cgroup.h"
#include "container/launcher.h"
#include "oci/record.h"

namespace bothy::oci {

// Who makes a container's cgroup.
enum class CgroupDriver : std::uint8_t {
  kFiles,  // bothy, by files of the kernel's
  kNone,   // nobody: the process stays in the caller's
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

// Deletes a container that has stopped, or one whose process waits for start(), which is ended;
// with `force` any, and none is no error.
[[nodiscard]] Result<void> remove(const Records& records, const std::string& id, bool force);

// Kills every process of a container's cgroup. A container without one has no processes that are
// known but its first.
[[nodiscard]] Result<void> kill_processes(container::Cgroup& cgroup);

// The error of a process that couldn't execute its command.
[[nodiscard]] Error failed_start(const container::LaunchReport& report);

}  // namespace bothy::oci
