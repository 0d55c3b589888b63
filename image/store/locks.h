// Locks between processes: byte ranges of one file (fcntl(2), open file description locks), which
// the kernel releases when their holder ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/bytes/digest.h"

namespace bothy::image {

// What a lock protects. A process that holds several takes them in this order.
enum class LockKind : std::uint8_t {
  kUse,      // an image. Shared: in use by an instance. Exclusive: being removed
  kBuild,    // an image's disk. Exclusive: being built
  kContent,  // all blobs and disks. Shared: being added or relied upon. Exclusive: being swept
  kIndex,    // the index and the tmp directory. Exclusive: being changed
};

enum class LockMode : std::uint8_t { kShared, kExclusive };

// Held until it is destroyed and every process that inherited its descriptor has ended. Move-only.
class FileLock {
 public:
  // Waits until no other process holds a conflicting lock.
  [[nodiscard]] static Result<FileLock> wait(const std::string& path, LockKind kind, LockMode mode,
                                             const Digest& of = {});
  // Nothing when another process holds a conflicting lock.
  [[nodiscard]] static Result<std::optional<FileLock>> attempt(const std::string& path,
                                                               LockKind kind, LockMode mode,
                                                               const Digest& of = {});

  // For a child process that is to hold the lock too.
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  explicit FileLock(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace bothy::image
