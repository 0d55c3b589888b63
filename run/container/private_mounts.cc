#include "run/container/private_mounts.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <utility>

#include "base/files.h"

namespace bothy::run {

Result<PrivateMounts> PrivateMounts::enter() {
  PrivateMounts mounts;
  BOTHY_TRY(mounts.root_, open_file("/", O_PATH | O_DIRECTORY));
  BOTHY_TRY(mounts.working_, open_file(".", O_PATH | O_DIRECTORY));
  BOTHY_TRY(mounts.namespace_, open_file("/proc/self/ns/mnt", O_RDONLY));
  if (::unshare(CLONE_NEWNS) != 0) {
    mounts.namespace_.reset();
    return errno_error("can't make a mount namespace");
  }
  return mounts;
}

Result<void> PrivateMounts::leave() noexcept {
  const UniqueFd home = std::move(namespace_);
  if (home && (::setns(home.get(), CLONE_NEWNS) != 0 || ::fchdir(root_.get()) != 0 ||
               ::chroot(".") != 0 || ::fchdir(working_.get()) != 0)) {
    return errno_error("can't return to the mount namespace");
  }
  return success();
}

}  // namespace bothy::run
