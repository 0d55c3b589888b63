// Mounts by descriptor (fsopen(2), open_tree(2), mount_setattr(2)): glibc declares those calls in
// <sys/mount.h>; here are the ones that it lacks, and a new file system with its errors.
#pragma once

#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::container {

// openat2(2): a system call and nothing else, for any thread and any child. `flags` are as of
// open(2), `resolve` is RESOLVE_*. -1 and errno on failure.
[[nodiscard]] inline int open_resolved(int directory, const char* path, std::uint64_t flags,
                                       std::uint64_t resolve) noexcept {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = resolve;
  return static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof(how)));
}

// A file system to be mounted. Errors name its type and what the kernel has logged about it.
class NewFileSystem {
 public:
  // kUnsupported, with the remedy, for a type that the kernel doesn't know.
  [[nodiscard]] static Result<NewFileSystem> open(const std::string& type);

  // The kernel takes at most kMaxValue bytes.
  static constexpr std::size_t kMaxValue = 255;
  [[nodiscard]] Result<void> set(const char* key, const std::string& value);
  [[nodiscard]] Result<void> set_flag(const char* key);
  // A detached mount. `attributes` are MOUNT_ATTR_*.
  [[nodiscard]] Result<UniqueFd> mount(unsigned attributes);

 private:
  NewFileSystem(std::string type, UniqueFd context)
      : type_(std::move(type)), context_(std::move(context)) {}
  [[nodiscard]] Error failed(int error_number) const;

  std::string type_;
  UniqueFd context_;
};

// A path of the descriptor, for what takes only paths: short, whatever the file's own path is.
[[nodiscard]] std::string path_of(int fd);

// A detached copy of a mount alone, without those below it.
[[nodiscard]] Result<UniqueFd> clone_mount(int mount);
// Attaches a detached mount to a directory, or on top of what is mounted there.
[[nodiscard]] Result<void> attach_mount(int mount, const std::string& directory);

}  // namespace bothy::container
