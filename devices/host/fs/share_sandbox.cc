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

#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

namespace bothy {
namespace {

// Made before the fork: the child of a process with threads may neither allocate nor lock. The
// functions below run in the child. As Process wants it, they return nullptr or what failed.
struct Plan {
  const ShareSandbox& sandbox;
  std::string user_map;
  std::string group_map;
  std::string file_point;  // where sandbox.file is mounted
};

bool write_file(const char* path, std::string_view text) noexcept {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) {
    return false;
  }
  const ssize_t written = ::write(fd, text.data(), text.size());
  ::close(fd);
  return written == static_cast<ssize_t>(text.size());
}

// virtiofsd drops its supplementary groups, which the kernel refuses in a user namespace with a map
// of one group, and exits then. There the call does nothing instead: the groups are the user's own,
// and give no access that the user doesn't have.
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

const char* enter_namespaces(const Plan& plan) noexcept {
  if (::unshare(CLONE_NEWNS) == 0) {
    return nullptr;
  }
  if (errno != EPERM) {
    return "can't make a mount namespace";
  }
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return "can't make a user namespace, which virtiofsd needs where its user isn't root";
  }
  // user_namespaces(7): the group's map is ours to write once setgroups() is denied.
  if (!write_file("/proc/self/setgroups", "deny") ||
      !write_file("/proc/self/gid_map", plan.group_map) ||
      !write_file("/proc/self/uid_map", plan.user_map)) {
    return "can't map this user into a user namespace";
  }
  if (!pretend_to_set_groups()) {
    return "can't filter setgroups()";
  }
  return nullptr;
}

// A remount would have to repeat every other attribute, and leave out the mounts below.
const char* make_read_only(const char* path, unsigned depth) noexcept {
  mount_attr read_only{};
  read_only.attr_set = MOUNT_ATTR_RDONLY;
  if (::syscall(SYS_mount_setattr, AT_FDCWD, path, depth, &read_only, sizeof(read_only)) != 0) {
    return "can't make the share read-only";
  }
  return nullptr;
}

const char* mount_directory(const Plan& plan) noexcept {
  const char* point = ShareSandbox::kMountPoint;
  if (::mount(".", point, nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return "can't mount the directory in a namespace";
  }
  return plan.sandbox.read_only ? make_read_only(point, AT_RECURSIVE) : nullptr;
}

// The file is mounted on an empty one of its name in a small file system, which is made read-only:
// otherwise a guest could fill the host's memory.
const char* mount_file(const Plan& plan) noexcept {
  const char* point = ShareSandbox::kMountPoint;
  const char* file = plan.file_point.c_str();
  if (::mount("file", point, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k") != 0) {
    return "can't mount a directory for the file";
  }
  const int made = ::open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (made < 0 || ::mount(plan.sandbox.file.c_str(), file, nullptr, MS_BIND, nullptr) != 0) {
    return "can't mount the file in a namespace";
  }
  ::close(made);
  // Another guest may have the directory, and have replaced the file since it was looked at.
  struct stat mounted {};
  if (::stat(file, &mounted) != 0 || mounted.st_dev != plan.sandbox.file_device ||
      mounted.st_ino != plan.sandbox.file_inode) {
    errno = ESTALE;
    return "the shared file was replaced meanwhile";
  }
  return make_read_only(point, plan.sandbox.read_only ? AT_RECURSIVE : 0);
}

// virtiofsd holds a descriptor for each file that the guest knows.
void raise_descriptor_limit() noexcept {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
}

const char* enter_sandbox(const Plan& plan) noexcept {
  raise_descriptor_limit();
  // Before the namespace exists: a descriptor stays with the old namespace's mounts, and the
  // working directory moves to the new one's.
  if (::fchdir(plan.sandbox.directory) != 0) {
    return "can't enter the directory";
  }
  if (const char* failed = enter_namespaces(plan); failed != nullptr) {
    return failed;
  }
  // The host's unmounts reach the namespace; its own mounts stay inside.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return "can't make the mounts of the namespace private";
  }
  const char* failed = plan.sandbox.file.empty() ? mount_directory(plan) : mount_file(plan);
  if (failed == nullptr && ::chdir("/") != 0) {
    failed = "can't enter the root directory";
  }
  return failed;
}

}  // namespace

Result<Process> start_in_sandbox(const ShareSandbox& sandbox, std::vector<std::string> command) {
  const Plan plan{sandbox, fmt::format("0 {} 1\n", ::geteuid()),
                  fmt::format("0 {} 1\n", ::getegid()),
                  fmt::format("{}/{}", ShareSandbox::kMountPoint, sandbox.file)};
  ProcessOptions options;
  options.arguments = std::move(command);
  options.descriptors = {{ShareSandbox::kListener, sandbox.listener}};
  options.captured = {STDERR_FILENO};
  options.drop_unread_output = true;
  options.new_session = true;
  options.least_privileges = true;
  options.environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin"};
  options.before_exec = [&plan] { return enter_sandbox(plan); };
  return Process::start(options);
}

}  // namespace bothy
