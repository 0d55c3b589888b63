#include "container/user_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <span>
#include <utility>

#include "base/files.h"
#include "container/system_calls.h"

namespace bothy::container {
namespace {

std::string mapping_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const IdMapping& mapping : mappings) {
    text += fmt::format("{} {} {}\n", mapping.container, mapping.host, mapping.size);
  }
  return text;
}

Result<void> write_text(const std::string& path, const std::string& text) {
  BOTHY_TRY(const UniqueFd file, open_file(path, O_WRONLY));
  return write_all(file.get(), std::as_bytes(std::span(text)), path);
}

Result<void> map_ids(pid_t pid, const IdMappings& mappings) {
  const std::string directory = fmt::format("/proc/{}", pid);
  BOTHY_TRY(write_text(directory + "/uid_map", mapping_text(mappings.users)));
  return write_text(directory + "/gid_map", mapping_text(mappings.groups));
}

// Until the other end of `pipe` is closed.
[[noreturn]] void hold_namespace(int pipe) noexcept {
  char byte = 0;
  while (::read(pipe, &byte, 1) < 0 && errno == EINTR) {
  }
  ::_exit(0);
}

Error no_namespace(int error_number) {
  Error error = errno_error("can't make a user namespace", error_number);
  error.code = ErrorCode::kUnsupported;
  error.context += error_number == ENOSPC
                       ? " (sysctl user.max_user_namespaces is the limit)"
                       : " (sysctl kernel.unprivileged_userns_clone=1 on Debian, "
                         "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)";
  return error;
}

}  // namespace

Result<UniqueFd> make_user_namespace(const IdMappings& mappings) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return errno_error("can't create a pipe");
  }
  const UniqueFd theirs(ends[0]);
  UniqueFd ours(ends[1]);
  CloneArguments arguments;
  arguments.flags = CLONE_NEWUSER;
  arguments.exit_signal = SIGCHLD;
  const auto pid = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
  if (pid == 0) {
    ::close(ours.get());
    hold_namespace(theirs.get());
  }
  if (pid < 0) {
    return no_namespace(errno);
  }
  const auto mapped = map_ids(pid, mappings);
  auto opened = open_file(fmt::format("/proc/{}/ns/user", pid), O_RDONLY);
  ours.reset();
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  BOTHY_TRY(mapped);
  return opened;
}

}  // namespace bothy::container
