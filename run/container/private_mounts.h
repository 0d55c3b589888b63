// Mounts that nobody else sees, in the making of detached ones.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::run {

// This thread in a mount namespace of its own, until the end of the object's life. Mounts propagate
// to the namespace that it comes from, except those on private mounts.
class PrivateMounts {
 public:
  [[nodiscard]] static Result<PrivateMounts> enter();
  PrivateMounts(PrivateMounts&& other) noexcept = default;
  PrivateMounts& operator=(PrivateMounts&& other) = delete;
  PrivateMounts(const PrivateMounts&) = delete;
  PrivateMounts& operator=(const PrivateMounts&) = delete;
  ~PrivateMounts() { static_cast<void>(leave()); }

  // Joining a mount namespace moves the root and the working directory to its root (setns(2)).
  [[nodiscard]] Result<void> leave() noexcept;

 private:
  PrivateMounts() = default;

  UniqueFd namespace_;
  UniqueFd root_;
  UniqueFd working_;
};

}  // namespace bothy::run
