// Locks between processes: ranges of one file (fcntl(2), open file description locks), which go
// with their holder, however it ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/bytes/digest.h"

namespace bothy::image {

// What a lock of a store is about. Those who hold several take them in this order.
enum class LockKind : std::uint8_t {
  kUse,      // an image. Shared: something runs from it. Exclusive: it is being removed
  kBuild,    // an image's disk. Exclusive: it is being made
  kContent,  // all blobs and disks. Shared: they are being added or relied upon. Exclusive: swept
  kIndex,    // the index, and what is in tmp. Exclusive: being changed
};

enum class LockMode : std::uint8_t { kShared, kExclusive };

// Held until it is destroyed, or the last process that inherited its descriptor ends. Move-only.
class FileLock {
 public:
  // Waits until nobody else holds it in a way that excludes this one.
  [[nodiscard]] static Result<FileLock> wait(const std::string& path, LockKind kind, LockMode mode,
                                             const Digest& of = {});
  // Nothing, when somebody else does.
  [[nodiscard]] static Result<std::optional<FileLock>> attempt(const std::string& path,
                                                               LockKind kind, LockMode mode,
                                                               const Digest& of = {});

  // To keep open in a process that shall hold the lock too.
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

 private:
  explicit FileLock(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace bothy::image
