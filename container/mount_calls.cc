#include "container/mount_calls.h"

#include <fcntl.h>

#include <array>
#include <cerrno>

#include "base/files.h"
#include "base/find_program.h"

namespace bothy::container {

Result<NewFileSystem> NewFileSystem::open(const std::string& type) {
  UniqueFd context(::fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (!context && errno == ENODEV) {
    return make_error(ErrorCode::kUnsupported,
                      "this host's kernel has no {0}: 'modprobe {0}' as root, where it is a module",
                      type);
  }
  if (!context) {
    return errno_error("can't mount a file system of type " + type);
  }
  return NewFileSystem(type, std::move(context));
}

// A message that the kernel has logged for the context is one line: "e overlay: ...".
Error NewFileSystem::failed(int error_number) const {
  Error error = errno_error("can't mount a file system of type " + type_, error_number);
  std::array<char, 512> message{};
  const ssize_t size = ::read(context_.get(), message.data(), message.size());
  if (size > 2) {
    const std::string_view text(message.data() + 2, static_cast<std::size_t>(size) - 2);
    error.context += " (" + last_line(text) + ")";
  }
  return error;
}

Result<void> NewFileSystem::set(const char* key, const std::string& value) {
  if (::fsconfig(context_.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) != 0) {
    return failed(errno);
  }
  return success();
}

Result<void> NewFileSystem::set_flag(const char* key) {
  if (::fsconfig(context_.get(), FSCONFIG_SET_FLAG, key, nullptr, 0) != 0) {
    return failed(errno);
  }
  return success();
}

Result<UniqueFd> NewFileSystem::mount(unsigned attributes) {
  if (::fsconfig(context_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return failed(errno);
  }
  UniqueFd mount(::fsmount(context_.get(), FSMOUNT_CLOEXEC, attributes));
  if (!mount) {
    return failed(errno);
  }
  return mount;
}

std::string path_of(int fd) {
  return fmt::format("/proc/self/fd/{}", fd);
}

Result<UniqueFd> clone_mount(int mount) {
  constexpr unsigned kFlags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
  UniqueFd clone(::open_tree(mount, "", kFlags));
  if (!clone) {
    return errno_error("can't clone a mount");
  }
  return clone;
}

Result<void> attach_mount(int mount, const std::string& directory) {
  if (::move_mount(mount, "", AT_FDCWD, directory.c_str(), MOVE_MOUNT_F_EMPTY_PATH) != 0) {
    return errno_error("can't mount on '" + printable(directory) + "'");
  }
  return success();
}

}  // namespace bothy::container
