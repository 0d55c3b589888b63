#include "devices/host/fs/share_sandbox.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace bothy {
namespace {

// All of it is made before the fork: the child of a process with threads may neither allocate nor
// lock.
struct Plan {
  ShareSandbox sandbox;
  std::string user_map;
  std::string group_map;
  std::string file_point;  // where sandbox.file is mounted
  std::vector<char*> arguments;
};

void say(int words, std::string_view text) noexcept {
  static_cast<void>(!::write(words, text.data(), text.size()));
}

// Ends the child.
[[noreturn]] void give_up(const Plan& plan, const char* what) noexcept {
  const char* why = ::strerrordesc_np(errno);
  for (const char* part : {what, ": ", why == nullptr ? "?" : why, "\n"}) {
    say(plan.sandbox.words, part);
  }
  ::_exit(1);
}

bool write_file(const char* path, std::string_view text) noexcept {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  const ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
  return written == static_cast<ssize_t>(text.size());
}

// virtiofsd wants to drop its supplementary groups. In a user namespace with a map of one group
// nobody may, and it would end: the call does nothing there instead. The groups are the user's own,
// and reach nothing that its owner doesn't.
bool pretend_to_set_groups() noexcept {
  std::array<sock_filter, 4> filter{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setgroups, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void enter_namespaces(const Plan& plan) noexcept {
  if (::unshare(CLONE_NEWNS) == 0) {
    return;
  }
  if (errno != EPERM) {
    give_up(plan, "can't make a mount namespace");
  }
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    give_up(plan, "can't make a user namespace, which virtiofsd needs where its user isn't root");
  }
  // user_namespaces(7): the group's map is ours to write once setgroups() is denied.
  if (!write_file("/proc/self/setgroups", "deny") ||
      !write_file("/proc/self/gid_map", plan.group_map) ||
      !write_file("/proc/self/uid_map", plan.user_map)) {
    give_up(plan, "can't map this user into a user namespace");
  }
  if (!pretend_to_set_groups()) {
    give_up(plan, "can't filter setgroups()");
  }
}

// A remount would have to repeat every other attribute, and leave out the mounts below.
void make_read_only(const Plan& plan, const char* path, unsigned depth) noexcept {
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, AT_FDCWD, path, depth, &read_only, sizeof(read_only)) != 0) {
    give_up(plan, "can't make what is shared read-only");
  }
}

void mount_directory(const Plan& plan) noexcept {
  const char* point = ShareSandbox::kMountPoint;
  if (::mount(".", point, nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    give_up(plan, "can't mount the directory in a namespace");
  }
  if (plan.sandbox.read_only) {
    make_read_only(plan, point, AT_RECURSIVE);
  }
}

// The file is mounted on one of its name in a file system of its own, which is small, and read-only
// from then on: a guest could fill the host's memory with it.
void mount_file(const Plan& plan) noexcept {
  const char* point = ShareSandbox::kMountPoint;
  const char* file = plan.file_point.c_str();
  if (::mount("file", point, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") != 0) {
    give_up(plan, "can't mount a directory for the file");
  }
  const int made = ::open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0 || ::mount(plan.sandbox.file, file, nullptr, MS_BIND, nullptr) != 0) {
    give_up(plan, "can't mount the file in a namespace");
  }
  ::close(made);
  // The name may lead somewhere else by now: another guest can have its directory.
  struct stat mounted {};
  if (::stat(file, &mounted) != 0 || mounted.st_dev != plan.sandbox.file_device ||
      mounted.st_ino != plan.sandbox.file_inode) {
    errno = ESTALE;
    give_up(plan, "the file is another one now");
  }
  make_read_only(plan, point, plan.sandbox.read_only ? AT_RECURSIVE : 0);
}

// The descriptors of the new program: those above its number go.
void settle_descriptors(const ShareSandbox& sandbox) noexcept {
  ::dup2(sandbox.nothing, STDIN_FILENO);
  ::dup2(sandbox.nothing, STDOUT_FILENO);
  ::dup2(sandbox.words, STDERR_FILENO);
  ::dup2(sandbox.listener, ShareSandbox::kListener);
  ::fcntl(ShareSandbox::kListener, F_SETFD, 0);  // in case it had that number before
  ::syscall(SYS_close_range, ShareSandbox::kListener + 1, ~0U, 0);
}

[[noreturn]] void run_child(const Plan& plan) noexcept {
  ::setsid();
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  // It holds a descriptor for each file that the guest knows.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  // Before the namespace is there: a descriptor stays with the old one's mounts, and the working
  // directory goes along.
  if (::fchdir(plan.sandbox.directory) != 0) {
    give_up(plan, "can't enter the directory");
  }
  enter_namespaces(plan);
  // What the host unmounts goes here too; nothing goes back.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    give_up(plan, "can't keep its mounts to itself");
  }
  plan.sandbox.file == nullptr ? mount_directory(plan) : mount_file(plan);
  static_cast<void>(!::chdir("/"));
  settle_descriptors(plan.sandbox);
  ::execve(plan.arguments.front(), plan.arguments.data(), environ);
  say(STDERR_FILENO, "virtiofsd can't be run\n");
  ::_exit(1);
}

}  // namespace

Result<pid_t> start_in_sandbox(const ShareSandbox& sandbox, std::vector<std::string> command) {
  Plan plan;
  plan.sandbox = sandbox;
  plan.user_map = fmt::format("0 {} 1\n", ::geteuid());
  plan.group_map = fmt::format("0 {} 1\n", ::getegid());
  if (sandbox.file != nullptr) {
    plan.file_point = std::string(sandbox.kMountPoint) + "/" + sandbox.file;
  }
  for (std::string& word : command) {
    plan.arguments.push_back(word.data());
  }
  plan.arguments.push_back(nullptr);
  // posix_spawn() has no word for namespaces.
  const pid_t pid = ::fork();
  if (pid < 0) {
    return errno_error("can't start a process for " + command.front());
  }
  if (pid == 0) {
    run_child(plan);
  }
  return pid;
}

}  // namespace bothy
