// Namespaces of the threads that serve a guest: in them is nothing of the host's file systems but
// the directories of the instance, and nothing of its network, IPC, names, and cgroups.
//
//   make() -- one thread: the namespaces are made, and nothing has changed for this process but,
//     |       for an ordinary user, the user namespace. Files are opened and programs started as
//     v       before
//   enter_thread() -- each thread, when all that it needs is open
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::sandbox {

// user, mount, network, IPC, UTS, and cgroup namespaces(7). No PID namespace: a process can't
// change its own. Move-only.
class Namespaces {
 public:
  // The root of the mount namespace is a read-only tmpfs of this source, by which
  // /proc/PID/mountinfo tells it.
  static constexpr const char* kRootSource = "bothy-empty-root";

  // `directories` are reached by the same paths inside as outside, a relative one from the working
  // directory; those that don't exist, or are below others, are left out. Nothing else is there.
  //
  // Where the host doesn't let this process make namespaces, or the root directory has to be among
  // `directories`, the threads stay in the host's: other layers have to hold, and nothing has
  // changed. Errors: this process can't say what it may do.
  [[nodiscard]] static Result<Namespaces> make(std::vector<std::string> directories);

  [[nodiscard]] bool active() const noexcept { return !joined_.empty(); }

  // Moves the calling thread alone, for good once it has lost its capabilities. Async-signal-safe.
  // Returns nullptr, or what failed, with errno set.
  [[nodiscard]] const char* enter_thread() const noexcept;

 private:
  Namespaces() = default;

  struct Joined {
    UniqueFd fd;
    int type;  // CLONE_NEW*
  };
  std::vector<Joined> joined_;
  std::string working_directory_;  // empty: the root
};

}  // namespace bothy::sandbox
