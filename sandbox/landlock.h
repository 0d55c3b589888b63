// Landlock (landlock(7), the kernel's userspace-api/landlock.rst): what a process may still reach
// by paths, TCP ports, abstract sockets and signals. Descriptors that are open stay usable.
//
//   BOTHY_TRY(Landlock landlock, Landlock::make());
//   BOTHY_TRY(landlock.allow_path("/usr", Landlock::kRead | Landlock::kExecute));
//   ... fork ...
//   const char* failed = landlock.restrict_thread();
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::sandbox {

// Denies everything that the kernel's ABI can deny and that no rule allows:
//
//   ABI  Linux  denies
//   1    5.13   files and directories: reading, writing, executing, making, removing. Renaming and
//               linking from one directory to another is always denied
//   2    5.19   as 1, but kMake and kRemove together allow the latter
//   3    6.2    truncating
//   4    6.7    binding and connecting TCP sockets
//   5    6.10   ioctl(2) on devices
//   6    6.12   abstract sockets of, and signals to, processes outside
//   9    7.1    connecting to sockets by paths
//
// A kernel without Landlock denies nothing: other layers have to hold (active() is false then).
// chdir(2), stat(2), chmod(2), chown(2), utimensat(2), and extended attributes aren't denied by any
// ABI. A ruleset belongs to one thread at a time. Move-only.
class Landlock {
 public:
  // Access that a rule allows below a path; rights that a file can't have (kList, kMake, kRemove)
  // are left out for a file. Values may be combined.
  static constexpr unsigned kRead = 1U << 0U;     // files
  static constexpr unsigned kList = 1U << 1U;     // directories
  static constexpr unsigned kWrite = 1U << 2U;    // existing files, truncating included
  static constexpr unsigned kExecute = 1U << 3U;  // programs
  static constexpr unsigned kMake = 1U << 4U;     // regular files, directories, symlinks and FIFOs
  static constexpr unsigned kRemove = 1U << 5U;   // files and directories
  static constexpr unsigned kDevice = 1U << 6U;   // ioctl(2) on devices
  static constexpr unsigned kConnect = 1U << 7U;  // to sockets
  static constexpr unsigned kMakeSocket = 1U << 8U;
  static constexpr unsigned kRemoveFile = 1U << 9U;        // files alone, of the same directory
  static constexpr unsigned kRemoveDirectory = 1U << 10U;  // empty directories alone

  struct Scope {
    bool tcp = true;        // deny TCP
    bool processes = true;  // deny abstract sockets and signals outside
    // Threads of one process use rulesets of their own. Signals outside stay allowed where a kernel
    // would deny those among such threads: signals_among_threads().
    bool threads = false;
  };

  // The kernel's ABI; 0 where Landlock is missing or disabled.
  [[nodiscard]] static int abi() noexcept;
  // False on kernels of ABI 6 without the fix of its erratum 2 (6.12 before its stable releases of
  // April 2025, 6.13, 6.14): threads with different rulesets can't signal each other there.
  [[nodiscard]] static bool signals_among_threads() noexcept;

  // kSystem when the kernel has Landlock and refuses the ruleset.
  [[nodiscard]] static Result<Landlock> make(Scope scope);
  [[nodiscard]] static Result<Landlock> make() { return make(Scope()); }
  [[nodiscard]] bool active() const noexcept { return static_cast<bool>(ruleset_); }

  // Allows `access` to a file or to everything below a directory; `name` is for errors.
  [[nodiscard]] Result<void> allow(int fd, unsigned access, const std::string& name);
  // As allow(), by path, links followed. A path that doesn't exist is no error: there is nothing to
  // allow.
  [[nodiscard]] Result<void> allow_path(const std::string& path, unsigned access);

  // Confines the calling thread and all that it starts, in addition to what confines it already;
  // no_new_privs must be set. Async-signal-safe. Returns nullptr, or what failed, with errno set.
  [[nodiscard]] const char* restrict_thread() const noexcept;

 private:
  Landlock() = default;

  UniqueFd ruleset_;
  std::uint64_t handled_ = 0;  // LANDLOCK_ACCESS_FS_*
};

}  // namespace bothy::sandbox
