// Launcher: starts a container, or a process in one.
//
// Everything that can be computed is computed before the clone (ContainerPlan, plan.h); the new
// process makes system calls and nothing else until it executes the command. Neither function waits
// for that: a file system that the container controls may block the new process for good.
//
//   launch(), enter() --> Launching --> read_report() until kRunning or kFailed
#pragma once

#include <sys/types.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/seccomp.h"
#include "container/spec.h"

namespace bothy::container {

// An overlay that the container's process mounts in its own user namespace, for ordinary users.
struct OverlayRoot {
  std::string lower;  // paths of the host
  std::string upper;
  std::string work;
};

struct LaunchOptions {
  // The root file system, a detached mount (fsmount(2), open_tree(2)). -1: what spec.root.path is.
  int root = -1;
  std::optional<OverlayRoot> overlay;  // instead of `root`
  // A directory of the host that the root is attached to, in the container's mount namespace alone.
  std::string attach_point;
  // Sources of bind mounts: the mount of index i of spec.mounts comes from the descriptor, a
  // detached mount, unless that is -1 or missing.
  std::vector<int> mount_sources;
  // A user namespace to be joined instead of a new one with spec.mappings; -1: none.
  int user_namespace = -1;

  int cgroup = -1;                // of v2, Cgroup::unified_fd()
  std::vector<int> cgroup_joins;  // of v1, Cgroup::join_fds()

  // Standard descriptors of the process; -1: /dev/null. Not used with a terminal.
  std::array<int, 3> stdio{-1, -1, -1};
  std::uint32_t preserved = 0;  // descriptors from 3 on that the process gets as well
  int console_socket = -1;      // where the terminal is sent, instead of read_report()

  std::optional<SeccompFilter> seccomp;
  // A static executable that becomes the container's PID 1 and runs the process below it; -1: none.
  int init = -1;
  bool pivot = true;        // otherwise chroot(2): for a root on initramfs
  bool new_keyring = true;  // a session keyring of its own
  // A listening unix socket: the process waits for a connection before it executes the command, and
  // reports to it. -1: at once.
  int start_socket = -1;
  // The process stays outside of the root: that is attached at its place, in the process's mount
  // namespace alone, with the spec's mounts and no devices, and paths of the process are the
  // host's.
  bool stays_outside = false;
  std::vector<std::string> mount_points;  // directories made in the root of such a process
  // The command gets the socket of its last report as descriptor 3, to report what comes of it
  // (plan_format.h, Report); nobody learns that it runs before.
  bool keeps_report = false;
  // Signals that this process ignores and the new one doesn't.
  std::vector<int> ignored_signals{SIGPIPE};
  bool dies_with_parent = false;  // the process gets SIGKILL when this one ends
};

struct EnterOptions {
  // The process gets the container's cgroup alone: its namespaces and paths are the caller's.
  bool stays_outside = false;
  int pidfd = -1;                     // of the container's first process
  pid_t pid = -1;                     // the same one
  std::vector<Namespace> namespaces;  // of the container's spec
  int cgroup = -1;
  std::vector<int> cgroup_joins;
  std::array<int, 3> stdio{-1, -1, -1};
  std::uint32_t preserved = 0;
  int console_socket = -1;
  std::optional<SeccompFilter> seccomp;
  bool new_keyring = true;
  std::vector<int> ignored_signals{SIGPIPE};
};

enum class LaunchStatus : std::uint8_t {
  kPending,   // nothing new: read_report() again when report_fd() is readable
  kTerminal,  // `terminal` is the master of the process's terminal
  kRunning,   // the command runs, or with a start socket: waits
  kFailed,    // the process has ended
  // With hooks in the spec, each to be answered (answer_pause(), answer_hook()):
  kPaused,   // the mounts are made: hooks of the runtime may run
  kHook,     // the process is about to run the next of its own hooks
  kHookEnd,  // that hook has ended, with `hook_status`; the process ends unless that is 0
  // With a filter that has a listener, to be answered (answer_pause()):
  kListener,  // `listener` gets what the filter asks (seccomp_unotify(2))
};

struct LaunchReport {
  LaunchStatus status = LaunchStatus::kPending;
  UniqueFd terminal;
  UniqueFd listener;
  int error_number = 0;  // of kFailed
  bool at_exec = false;  // of kFailed: the command itself can't be executed
  std::string message;   // of kFailed: complete
  int hook_status = 0;   // of kHookEnd: wait(2)'s
};

// A new process of a container, which is a child of the calling one. Movable; belongs to one
// thread.
class Launching {
 public:
  Launching(pid_t pid, UniqueFd pidfd, UniqueFd report) noexcept
      : pid_(pid), pidfd_(std::move(pidfd)), report_(std::move(report)) {}

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
  [[nodiscard]] UniqueFd take_pidfd() noexcept { return std::move(pidfd_); }
  // Readable when read_report() has something to say. Doesn't block.
  [[nodiscard]] int report_fd() const noexcept { return report_.get(); }
  [[nodiscard]] LaunchReport read_report();
  // From now on reports come from this connection to the start socket.
  void report_by(UniqueFd connection) noexcept { report_ = std::move(connection); }
  // Blocks until the process runs, has failed or wants an answer; a terminal is kept for the report
  // that the process runs.
  [[nodiscard]] LaunchReport wait();

 private:
  pid_t pid_;
  UniqueFd pidfd_;
  UniqueFd report_;
  UniqueFd terminal_;
};

// The calling process must have one thread. Errors of what is found out before the clone:
// kInvalid for what the spec asks and bothy or this host can't do, kNotFound for a file of it.
[[nodiscard]] Result<Launching> launch(const OciSpec& spec, const LaunchOptions& options);
// What a process that waited says to a connection to its start socket: blocks until the command
// runs, has failed or wants an answer.
[[nodiscard]] LaunchReport receive_start(int socket);
// Answers to a process that reports to `socket`. The hook gets copies of the descriptors, as its
// stdin, and as its stdout and stderr.
[[nodiscard]] Result<void> answer_pause(int socket);
[[nodiscard]] Result<void> answer_hook(int socket, int input, int output);
// Starts a process in a running container, with all of its namespaces.
[[nodiscard]] Result<Launching> enter(const Process& process, const EnterOptions& options);

}  // namespace bothy::container
