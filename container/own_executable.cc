#include "container/own_executable.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/unique_fd.h"
#include "container/program_file.h"
#include "container/system_calls.h"

// NOLINTNEXTLINE(readability-identifier-naming)
extern char** environ;

namespace bothy::container {
namespace {

constexpr const char* kSelf = "/proc/self/exe";

// This process's arguments in `text`, each ended by a zero byte.
std::vector<char*> split_arguments(std::string& text) {
  std::vector<char*> arguments;
  for (std::size_t at = 0; at < text.size();) {
    arguments.push_back(text.data() + at);
    at = std::min(text.find('\0', at), text.size()) + 1;
  }
  arguments.push_back(nullptr);
  return arguments;
}

// Returns on failure.
Result<void> execute_again(int file, std::string_view from) {
  constexpr const char* kArguments = "/proc/self/cmdline";
  BOTHY_TRY(const UniqueFd cmdline, open_file(kArguments, O_RDONLY));
  BOTHY_TRY(std::string text, read_to_end(cmdline.get(), kArguments));
  const std::vector<char*> arguments = split_arguments(text);
  ::syscall(SYS_execveat, file, "", arguments.data(), environ, AT_EMPTY_PATH);
  return errno_error(fmt::format("can't execute this program's own file from {}", from));
}

Result<void> protect_as_root() {
  const UniqueFd tree(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, kSelf, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (!tree || ::syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes,
                         sizeof(attributes)) != 0) {
    return errno_error("can't mount this program's own file read-only (Linux 5.12 can)");
  }
  return execute_again(tree.get(), "a read-only mount");
}

// Mounts need root; a copy of these few megabytes takes about a millisecond.
Result<void> protect_as_user() {
  BOTHY_TRY(const UniqueFd file, open_file(kSelf, O_RDONLY));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    return errno_error("can't look at this program's own file, /proc/self/exe");
  }
  if (is_sealed_program(file.get()) ||
      (status.st_uid != ::geteuid() && ::access(kSelf, W_OK) != 0)) {
    return success();
  }
  BOTHY_TRY(const UniqueFd copy, make_program_file("bothy"));
  ssize_t count = 1;
  while (count > 0) {
    count = ::sendfile(copy.get(), file.get(), nullptr, static_cast<std::size_t>(status.st_size));
  }
  if (count < 0) {
    return errno_error("can't copy this program's own file to memory");
  }
  BOTHY_TRY(seal_program_file(copy.get()));
  return execute_again(copy.get(), "a copy in memory");
}

}  // namespace

Result<void> protect_own_executable() {
  struct statvfs status {};
  if (::statvfs(kSelf, &status) != 0) {
    return errno_error("can't look at this program's own file, /proc/self/exe");
  }
  if ((status.f_flag & ST_RDONLY) != 0) {
    return success();
  }
  return ::geteuid() == 0 ? protect_as_root() : protect_as_user();
}

}  // namespace bothy::container
