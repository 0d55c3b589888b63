#include "base/user_namespace.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>

#include "base/files.h"
#include "base/find_program.h"
#include "base/process.h"
#include "base/subordinate_ids.h"

namespace bothy {
namespace {

Result<void> write_process_file(pid_t process, const char* name, const std::string& text) {
  const std::string path = fmt::format("/proc/{}/{}", process, name);
  BOTHY_TRY(const UniqueFd fd, open_file(path, O_WRONLY));
  return write_all(fd.get(), std::as_bytes(std::span(text)), path);
}

std::string map_text(const std::vector<IdMapping>& mappings) {
  std::string text;
  for (const IdMapping& each : mappings) {
    text += fmt::format("{} {} {}\n", each.container, each.host, each.size);
  }
  return text;
}

bool is_own(const std::vector<IdMapping>& mappings, std::uint32_t own) {
  return mappings.size() == 1 && mappings.front().size == 1 && mappings.front().host == own;
}

Result<void> run_map_program(const std::string& program, pid_t process,
                             const std::vector<IdMapping>& mappings) {
  ProcessOptions options;
  options.arguments = {program, std::to_string(process)};
  for (const IdMapping& each : mappings) {
    for (const std::uint32_t number : {each.container, each.host, each.size}) {
      options.arguments.push_back(std::to_string(number));
    }
  }
  options.program = find_program(program, path_variable(), {"/usr/bin", "/bin"}).value_or(program);
  options.captured = {STDERR_FILENO};
  BOTHY_TRY(Process running, Process::start(options));
  running.read_output({});
  if (const ProcessEnd end = running.wait(); !end.succeeded()) {
    return make_error(ErrorCode::kPermission, "can't map this user's subordinate ids: {}: {}",
                      program, last_line(running.output()));
  }
  return success();
}

Error forbidden(int error_number) {
  Error error = errno_error("can't make a user namespace", error_number);
  error.code = ErrorCode::kUnsupported;
  error.context += error_number == ENOSPC
                       ? " (sysctl user.max_user_namespaces is the limit)"
                       : " (sysctl kernel.unprivileged_userns_clone=1 on Debian, "
                         "kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)";
  return error;
}

// A process in new namespaces that does nothing until it is killed.
class NamespaceHolder {
 public:
  [[nodiscard]] static Result<NamespaceHolder> start(std::uint64_t flags) {
    clone_args arguments{};
    arguments.flags = flags;
    const long process = ::syscall(SYS_clone3, &arguments, sizeof(arguments));
    if (process == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) {
        ::pause();
      }
    }
    if (process < 0) {
      return forbidden(errno);
    }
    return NamespaceHolder(static_cast<pid_t>(process));
  }
  NamespaceHolder(NamespaceHolder&& other) noexcept : process_(std::exchange(other.process_, -1)) {}
  NamespaceHolder& operator=(NamespaceHolder&& other) = delete;
  NamespaceHolder(const NamespaceHolder&) = delete;
  NamespaceHolder& operator=(const NamespaceHolder&) = delete;
  ~NamespaceHolder() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      // Its end sends no signal.
      while (::waitpid(process_, nullptr, __WALL) < 0 && errno == EINTR) {
      }
    }
  }
  [[nodiscard]] pid_t process() const noexcept { return process_; }
  [[nodiscard]] Result<UniqueFd> open(const char* kind) const {
    return open_file(fmt::format("/proc/{}/ns/{}", process_, kind), O_RDONLY);
  }

 private:
  explicit NamespaceHolder(pid_t process) noexcept : process_(process) {}
  pid_t process_;
};

// An error of the child: its text on stderr, its code as the exit status.
constexpr int kFirstCode = 10;

int report(const Error& error) {
  static_cast<void>(write_all(STDERR_FILENO, std::as_bytes(std::span(error.context)), "the pipe"));
  return kFirstCode + static_cast<int>(error.code);
}

}  // namespace

bool in_initial_user_namespace() noexcept {
  // Always of this number (linux/nsfs.h, USER_NS_INIT_INO).
  constexpr std::string_view kInitial = "user:[4026531837]";
  std::array<char, 32> name{};
  const ssize_t size = ::readlink("/proc/self/ns/user", name.data(), name.size());
  return size < 0 || std::string_view(name.data(), static_cast<std::size_t>(size)) == kInitial;
}

Result<void> set_mappings(pid_t process, const IdMappings& mappings) {
  const bool single = is_own(mappings.users, ::geteuid()) && is_own(mappings.groups, ::getegid());
  if (::geteuid() != 0 && !single) {
    BOTHY_TRY(run_map_program("newuidmap", process, mappings.users));
    return run_map_program("newgidmap", process, mappings.groups);
  }
  if (::geteuid() != 0) {
    // Otherwise a group that denies something to the user could be dropped.
    BOTHY_TRY(write_process_file(process, "setgroups", "deny"));
  }
  BOTHY_TRY(write_process_file(process, "uid_map", map_text(mappings.users)));
  return write_process_file(process, "gid_map", map_text(mappings.groups));
}

Result<UniqueFd> make_user_namespace(const IdMappings& mappings) {
  BOTHY_TRY(const NamespaceHolder holder, NamespaceHolder::start(CLONE_NEWUSER));
  BOTHY_TRY(set_mappings(holder.process(), mappings));
  return holder.open("user");
}

Result<UserNamespaces> make_user_namespaces(const IdMappings& mappings) {
  BOTHY_TRY(const NamespaceHolder holder, NamespaceHolder::start(CLONE_NEWUSER | CLONE_NEWNET));
  BOTHY_TRY(set_mappings(holder.process(), mappings));
  UserNamespaces made;
  BOTHY_TRY(made.user, holder.open("user"));
  BOTHY_TRY(made.network, holder.open("net"));
  return made;
}

Result<void> run_in_user_namespace(int user_namespace, const std::function<Result<void>()>& body) {
  constexpr int kNamespace = 3;
  ProcessOptions options;
  options.descriptors = {{kNamespace, user_namespace}};
  options.captured = {STDERR_FILENO};
  BOTHY_TRY(Process child, Process::start_function(options, [&] {
              if (::setns(kNamespace, CLONE_NEWUSER) != 0) {
                return report(errno_error("can't join a user namespace"));
              }
              // Not before: new capabilities clear it.
              ::prctl(PR_SET_PDEATHSIG, SIGKILL);
              const Result<void> done = body();
              return done ? 0 : report(done.error());
            }));
  child.read_output({});
  const ProcessEnd end = child.wait();
  if (end.succeeded()) {
    return success();
  }
  const int status = end.exit_status().value_or(0);
  if (status >= kFirstCode) {
    return Error{static_cast<ErrorCode>(status - kFirstCode), child.output()};
  }
  return make_error(ErrorCode::kSystem, "a process in a user namespace has ended: {}",
                    end.describe());
}

Result<void> remove_mapped_tree(const std::string& path) {
  Result<void> removed = remove_tree(path);
  // Another failure isn't mended by being another user.
  if (removed || ::geteuid() == 0 || removed.error().code != ErrorCode::kPermission) {
    return removed;
  }
  BOTHY_TRY(const UniqueFd mapped, make_user_namespace(UserIdRanges::find().root_mappings()));
  return run_in_user_namespace(mapped.get(), [&] { return remove_tree(path); });
}

}  // namespace bothy
