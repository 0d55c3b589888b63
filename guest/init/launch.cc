#include "guest/init/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/init/directories.h"
#include "guest/init/process_limit.h"
#include "guest/init/users.h"

namespace bothy::init {
namespace {

constexpr size_t kMaxAccounts = 16U << 20U;  // of a passwd or group file
constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Everything that the child needs, computed before vfork(): the child shares this memory and makes
// system calls only.
struct Plan {
  ProcessSpec* spec;
  const Standard* standard;
  Identity identity;
  char* home = nullptr;
  char* candidate = nullptr;  // room for a directory of PATH and the program's name
  const char* path = kDefaultPath;
  const char* doing = "";  // the step that failed
  int error = 0;

  ~Plan() {
    free(home);
    free(candidate);
  }
};

// A missing file of accounts is an empty one.
bool identify(Plan& plan, Failure& failure) {
  const ProcessSpec& spec = *plan.spec;
  // For root by number, only the home directory comes from the files.
  const Text passwd = read_file("/etc/passwd", kMaxAccounts);
  const Text group = read_file("/etc/group", kMaxAccounts);
  const char* wrong = find_identity(spec.user, passwd, group, plan.identity);
  Text culprit = spec.user;
  for (size_t i = 0; wrong == nullptr && i < spec.group_count; ++i) {
    culprit = spec.groups[i];
    wrong = add_group(culprit, group, plan.identity);
  }
  bool good = wrong == nullptr;
  if (!good) {
    failure.error = EINVAL;
    failure.message.add("can't run as '").add(culprit).add("': ").add(wrong);
  } else if (spec.variable("HOME") == nullptr) {
    const Text home = plan.identity.home;
    plan.home = static_cast<char*>(malloc(home.size + 6));
    good = plan.home != nullptr;
    if (good) {
      memcpy(plan.home, "HOME=", 5);
      memcpy(plan.home + 5, home.data, home.size);
      plan.home[5 + home.size] = '\0';
      plan.spec->environment[plan.spec->environment_count++] = plan.home;
    }
  }
  free(const_cast<char*>(passwd.data));
  free(const_cast<char*>(group.data));
  return good;
}

bool make_directory(const ProcessSpec& spec, Failure& failure) {
  struct stat status;
  if (Text(spec.directory) == "/") return true;
  if (stat(spec.directory, &status) == 0 && S_ISDIR(status.st_mode)) return true;
  if (make_directories(spec.directory)) return true;
  failure.error = errno;
  failure.message.add("can't make the working directory '").add(spec.directory).add("': ");
  failure.message.add(error_text(failure.error));
  return false;
}

// Another user must be able to reopen /dev/stdout.
void give_standard(const Plan& plan) {
  if (plan.identity.uid == 0) return;
  for (const int fd : plan.standard->fds) {
    struct stat status;
    if (fstat(fd, &status) != 0 || (!S_ISFIFO(status.st_mode) && !plan.spec->terminal)) continue;
    if (fchown(fd, plan.identity.uid, static_cast<gid_t>(-1)) != 0) return;
  }
}

bool failed(Plan& plan, const char* doing) {
  plan.doing = doing;
  plan.error = errno;
  return false;
}

bool take_standard(Plan& plan) {
  if (!join_process_limit()) return failed(plan, "start a process within --pids-limit for");
  if (setsid() < 0) return failed(plan, "start a session for");
  if (plan.spec->terminal && ioctl(plan.standard->fds[0], TIOCSCTTY, 0) != 0)
    return failed(plan, "give a terminal to");
  // init's own descriptors are all above 2.
  for (int fd = 0; fd < 3; ++fd) {
    if (dup2(plan.standard->fds[fd], fd) < 0) return failed(plan, "connect");
  }
  return true;
}

// Raw system calls: the library's functions would signal other threads to change their ids.
bool become(Plan& plan) {
  const Identity& who = plan.identity;
  const ProcessSpec& spec = *plan.spec;
  for (size_t i = 0; i < spec.limit_count; ++i) {
    if (setrlimit(spec.limits[i].resource, &spec.limits[i].value) != 0)
      return failed(plan, "set a resource limit for");
  }
  if (chdir(spec.directory) != 0) return failed(plan, "enter the working directory of");
  if (syscall(SYS_setgroups, who.group_count, who.groups) != 0)
    return failed(plan, "set the groups of");
  if (who.uid == 0 && who.gid == 0) return true;
  if (syscall(SYS_setresgid, who.gid, who.gid, who.gid) != 0 ||
      syscall(SYS_setresuid, who.uid, who.uid, who.uid) != 0)
    return failed(plan, "change the user of");
  return true;
}

// Like execvp(3), but with the PATH of the program. Returns on failure only.
void execute(Plan& plan) {
  char** arguments = plan.spec->arguments;
  char** environment = plan.spec->environment;
  const Text name = arguments[0];
  plan.doing = "run";
  errno = ENOENT;
  if (name.size == 0 || name.has('/')) {
    if (name.size > 0) execve(arguments[0], arguments, environment);
    plan.error = errno;
    return;
  }
  int error = ENOENT;
  for (Text path = plan.path; path.size > 0;) {
    const Text directory = path.cut(':');
    size_t used = directory.size;
    if (used > 0) memcpy(plan.candidate, directory.data, used);
    if (used > 0) plan.candidate[used++] = '/';
    memcpy(plan.candidate + used, name.data, name.size + 1);
    execve(plan.candidate, arguments, environment);
    if (errno == EACCES) error = EACCES;  // unless a later directory has an executable file
    if (errno == EACCES || errno == ENOENT || errno == ENOTDIR) continue;
    error = errno;
    break;
  }
  plan.error = error;
}

[[noreturn]] void child(Plan& plan) {
  sigset_t none;
  sigemptyset(&none);
  signal(SIGPIPE, SIG_DFL);
  if (take_standard(plan) && become(plan)) {
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execute(plan);
  }
  _exit(127);
}

}  // namespace

pid_t launch(ProcessSpec& spec, const Standard& standard, Failure& failure) {
  Plan plan;
  plan.spec = &spec;
  plan.standard = &standard;
  failure.error = ENOMEM;
  if (const char* path = spec.variable("PATH")) plan.path = path;
  plan.candidate = static_cast<char*>(malloc(strlen(plan.path) + strlen(spec.arguments[0]) + 2));
  if (plan.candidate == nullptr) {
    failure.message.add("can't start '").add(spec.arguments[0]).add("': no memory");
    return -1;
  }
  if (!identify(plan, failure) || !make_directory(spec, failure)) return -1;
  give_standard(plan);

  // vfork: memory isn't copied, and init continues when the program runs or has failed to.
  const pid_t pid = vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) child(plan);  // NOLINT(clang-analyzer-unix.Vfork)
  if (pid > 0 && plan.error == 0) return pid;
  failure.error = pid < 0 ? errno : plan.error;
  failure.message.add("can't ").add(pid < 0 ? "start" : plan.doing);
  failure.message.add(" '").add(spec.arguments[0]).add("': ").add(error_text(failure.error));
  return -1;
}

}  // namespace bothy::init
