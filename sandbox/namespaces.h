// Namespaces of the threads that serve a guest: in them is nothing of the host's file systems but
// the directories of the instance, and nothing of its network, IPC, names, and cgroups.
//
//   begin() -- the process has one thread: another one begins to make the namespaces, and nothing
//     |        changes for the rest but, for an ordinary user, the user namespace. Files are opened
//     v        and programs started as before meanwhile
//   enter_thread() -- each thread, when all that it needs is open
#pragma once

#include <memory>
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
  // `directories`, the threads stay in the host's: other layers have to hold. Errors: the working
  // directory has no path; a user namespace that was made can't be joined; no thread can be
  // started.
  [[nodiscard]] static Result<Namespaces> begin(std::vector<std::string> directories);
  Namespaces(Namespaces&&) noexcept;
  Namespaces& operator=(Namespaces&&) noexcept;
  ~Namespaces();

  // Moves the calling thread alone, for good once it loses its capabilities, which are in effect
  // after this. Waits until the namespaces are made. Returns nullptr, or what failed, with errno
  // set.
  // `root`: a directory, a mount of its own, that becomes the root of the mount namespace that the
  // thread has, instead of the empty one: what others see who join the namespace of a process's
  // main thread. -1: none.
  [[nodiscard]] const char* enter_thread(int root = -1) const noexcept;

 private:
  class Maker;

  Namespaces();

  std::unique_ptr<Maker> maker_;
};

}  // namespace bothy::sandbox
