#include "sandbox/namespaces.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <utility>

#include "base/files.h"
#include "sandbox/capabilities.h"

namespace bothy::sandbox {
namespace {

constexpr unsigned kAttributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

struct Kind {
  const char* name;  // in /proc/PID/ns
  int type;
};
// The mount namespace last: a thread's /proc isn't to be reached from it.
constexpr std::array<Kind, 5> kKinds{{{"net", CLONE_NEWNET},
                                      {"ipc", CLONE_NEWIPC},
                                      {"uts", CLONE_NEWUTS},
                                      {"cgroup", CLONE_NEWCGROUP},
                                      {"mnt", CLONE_NEWNS}}};

std::uint64_t all_types() noexcept {
  std::uint64_t types = 0;
  for (const Kind& kind : kKinds) {
    types |= static_cast<std::uint64_t>(kind.type);
  }
  return types;
}

// A directory of the host and where it is in the namespace.
struct Directory {
  std::string path;  // absolute
  UniqueFd tree;     // a copy of its mounts
};

bool write_file(const char* path, const std::string& text) noexcept {
  const UniqueFd fd(::open(path, O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// The user and the group keep their numbers.
bool map_own_ids(uid_t user, gid_t group) {
  return write_file("/proc/self/setgroups", "deny") &&
         write_file("/proc/self/gid_map", fmt::format("{0} {0} 1", group)) &&
         write_file("/proc/self/uid_map", fmt::format("{0} {0} 1", user));
}

// Below the working directory, where a path that exists is no error.
bool make_directories(const std::string& path) noexcept {
  for (std::size_t at = path.find('/', 1); at != path.npos; at = path.find('/', at + 1)) {
    if (::mkdir(path.substr(1, at - 1).c_str(), 0755) != 0 && errno != EEXIST) {
      return false;
    }
  }
  return ::mkdir(path.c_str() + 1, 0755) == 0 || errno == EEXIST;
}

bool set_attributes(int mount, unsigned flags, std::uint64_t attributes) noexcept {
  mount_attr change{};
  change.attr_set = attributes;
  return ::mount_setattr(mount, "", AT_EMPTY_PATH | flags, &change, sizeof(change)) == 0;
}

// A detached tmpfs without anything in it.
UniqueFd make_root() noexcept {
  const UniqueFd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  const auto set = [&context](const char* key, const char* value) {
    return ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value, 0) == 0;
  };
  if (!context || !set("source", Namespaces::kRootSource) || !set("mode", "0755") ||
      !set("size", "64k") ||
      ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return {};
  }
  return UniqueFd(::fsmount(context.get(), FSMOUNT_CLOEXEC, kAttributes));
}

// In a process of its own, in a new mount namespace: leaves it the directories and nothing else.
bool empty_root(std::vector<Directory>& directories, const std::string& working_directory) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return false;
  }
  for (Directory& directory : directories) {
    directory.tree = UniqueFd(::open_tree(AT_FDCWD, directory.path.c_str(),
                                          OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
    if (!directory.tree && errno != ENOENT) {
      return false;
    }
  }
  const UniqueFd root = make_root();
  if (!root || ::move_mount(root.get(), "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) != 0 ||
      ::fchdir(root.get()) != 0) {
    return false;
  }
  for (const Directory& directory : directories) {
    if (!directory.tree) {
      continue;
    }
    if (!make_directories(directory.path) ||
        !set_attributes(directory.tree.get(), AT_RECURSIVE, kAttributes) ||
        ::move_mount(directory.tree.get(), "", AT_FDCWD, directory.path.c_str() + 1,
                     MOVE_MOUNT_F_EMPTY_PATH) != 0) {
      return false;
    }
  }
  if (!working_directory.empty() && !make_directories(working_directory)) {
    return false;
  }
  return ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0 &&
         set_attributes(root.get(), 0, MOUNT_ATTR_RDONLY);
}

// A process in the new namespaces, until it is killed.
class Maker {
 public:
  Maker(std::vector<Directory>& directories, const std::string& working_directory, bool as_user) {
    int pipe[2];
    if (::pipe2(pipe, O_CLOEXEC) != 0) {
      return;
    }
    done_ = UniqueFd(pipe[0]);
    const UniqueFd ours(pipe[1]);
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    clone_args arguments{};
    arguments.flags = all_types() | (as_user ? CLONE_NEWUSER : 0);
    process_ = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
    if (process_ != 0) {
      return;
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if ((as_user && !map_own_ids(user, group)) || !empty_root(directories, working_directory)) {
      ::_exit(1);
    }
    static_cast<void>(!::write(ours.get(), "", 1));
    for (;;) {
      ::pause();
    }
  }
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;
  ~Maker() {
    if (process_ > 0) {
      ::kill(process_, SIGKILL);
      // Its end sends no signal.
      while (::waitpid(process_, nullptr, __WALL) < 0 && errno == EINTR) {
      }
    }
  }

  // Waits until the namespaces are ready. False when they can't be made.
  [[nodiscard]] bool succeeded() const noexcept {
    char byte = 0;
    ssize_t got = 0;
    while (process_ > 0 && (got = ::read(done_.get(), &byte, 1)) < 0 && errno == EINTR) {
    }
    return got == 1;
  }
  [[nodiscard]] Result<UniqueFd> open(const char* kind) const {
    return open_file(fmt::format("/proc/{}/ns/{}", process_, kind), O_RDONLY);
  }

 private:
  UniqueFd done_;
  pid_t process_ = -1;
};

// Those that aren't below others, absolute.
std::vector<Directory> outermost(std::vector<std::string> paths, const std::string& working) {
  for (std::string& path : paths) {
    if (!path.starts_with('/')) {
      path = path == "." ? working : working + "/" + path;
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Directory> directories;
  for (std::string& path : paths) {
    if (directories.empty() || (path + "/").find(directories.back().path + "/") != 0) {
      directories.push_back({std::move(path), {}});
    }
  }
  return directories;
}

}  // namespace

Result<Namespaces> Namespaces::make(std::vector<std::string> paths) {
  Namespaces made;
  std::string working;
  const bool relative = std::any_of(paths.begin(), paths.end(),
                                    [](const std::string& path) { return !path.starts_with('/'); });
  if (relative) {
    std::array<char, PATH_MAX> path{};
    if (::getcwd(path.data(), path.size()) == nullptr) {
      return errno_error("can't find the working directory's path");
    }
    working = path.data();
  }
  std::vector<Directory> directories = outermost(std::move(paths), working);
  const bool all = std::any_of(directories.begin(), directories.end(), [](const Directory& each) {
    return each.path.find_first_not_of('/') == std::string::npos;
  });
  if (all || working == "/") {
    return made;
  }
  const bool as_user = !has_capability(CAP_SYS_ADMIN);
  const Maker maker(directories, working, as_user);
  if (!maker.succeeded()) {
    return made;
  }
  std::vector<Joined> joined;
  for (const Kind& kind : kKinds) {
    BOTHY_TRY(UniqueFd fd, maker.open(kind.name));
    joined.push_back({std::move(fd), kind.type});
  }
  if (as_user) {
    BOTHY_TRY(const UniqueFd user, maker.open("user"));
    if (::setns(user.get(), CLONE_NEWUSER) != 0) {
      return errno_error("can't join the sandbox's user namespace");
    }
    // Joining gave it all capabilities there, which only enter_thread() needs, and made this
    // process one that its own children can't look at.
    if (const char* failed = set_capabilities_in_effect(false); failed != nullptr) {
      return errno_error(failed);
    }
    ::prctl(PR_SET_DUMPABLE, 1);
  }
  made.joined_ = std::move(joined);
  made.working_directory_ = std::move(working);
  return made;
}

const char* Namespaces::enter_thread() const noexcept {
  if (!active()) {
    return nullptr;
  }
  if (const char* failed = set_capabilities_in_effect(true); failed != nullptr) {
    return failed;
  }
  // Threads share their root and working directories, which the mount namespace decides.
  if (::unshare(CLONE_FS) != 0) {
    return "can't part from the other threads' working directory";
  }
  for (const Joined& each : joined_) {
    if (::setns(each.fd.get(), each.type) != 0) {
      return "can't join the sandbox's namespaces";
    }
  }
  if (!working_directory_.empty() && ::chdir(working_directory_.c_str()) != 0) {
    return "can't enter the working directory in the sandbox's namespace";
  }
  return nullptr;
}

}  // namespace bothy::sandbox
