#include "container/own_executable.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/unique_fd.h"
#include "container/system_calls.h"

// NOLINTNEXTLINE(readability-identifier-naming)
extern char** environ;

namespace bothy::container {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

Result<std::string> read_cmdline() {
  BOTHY_TRY(const UniqueFd file, open_file("/proc/self/cmdline", O_RDONLY));
  std::string text;
  std::array<char, 4096> part;
  ssize_t count = 0;
  while ((count = ::read(file.get(), part.data(), part.size())) > 0) {
    text.append(part.data(), static_cast<std::size_t>(count));
  }
  if (count < 0) {
    return errno_error("can't read this process's arguments");
  }
  return text;
}

// This process's arguments in `text`, each ended by a zero byte.
std::vector<char*> split_arguments(std::string& text) {
  std::vector<char*> arguments;
  for (std::size_t at = 0; at < text.size(); at = text.find('\0', at) + 1) {
    arguments.push_back(text.data() + at);
  }
  arguments.push_back(nullptr);
  return arguments;
}

}  // namespace

Result<void> protect_own_executable() {
  struct statvfs status {};
  if (::geteuid() != 0) {
    return success();
  }
  if (::statvfs(kSelf, &status) != 0) {
    return errno_error("can't look at this program's own file, /proc/self/exe");
  }
  if ((status.f_flag & ST_RDONLY) != 0) {
    return success();
  }
  const UniqueFd tree(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, kSelf, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (!tree || ::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes,
                         sizeof(attributes)) != 0) {
    return errno_error("can't mount this program's own file read-only (Linux 5.12 can)");
  }
  BOTHY_TRY(std::string text, read_cmdline());
  const std::vector<char*> arguments = split_arguments(text);
  ::syscall(SYS_execveat, tree.get(), "", arguments.data(), environ, AT_EMPTY_PATH);
  return errno_error("can't execute this program's own file from a read-only mount");
}

}  // namespace bothy::container
