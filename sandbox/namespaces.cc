#include "sandbox/namespaces.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/signals.h"
#include "base/user_namespace.h"
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

int all_types() noexcept {
  int types = CLONE_FS;
  for (const Kind& kind : kKinds) {
    types |= kind.type;
  }
  return types;
}

// A directory of the host and where it is in the namespace.
struct Directory {
  std::string path;  // absolute
  UniqueFd tree;     // a copy of its mounts
};

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

// In a thread in a new mount namespace: leaves it the directories and nothing else.
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

// Nothing of the calling thread's mount namespace stays but `root`.
bool enter_root(int root) noexcept {
  return ::fchdir(root) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0 &&
         ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0;
}

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

// A thread that moves to new namespaces and ends, so that the others needn't wait for it.
class Namespaces::Maker {
 public:
  Maker(std::vector<Directory> directories, std::string working_directory)
      : directories_(std::move(directories)), working_directory_(std::move(working_directory)) {}
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;
  ~Maker() {
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  [[nodiscard]] Result<void> start() {
    try {
      thread_ = std::thread([this] {
        block_signals_in_worker();
        succeeded_ = make();
        directories_.clear();
      });
    } catch (const std::system_error& error) {
      return errno_error("can't start a thread", error.code().value());
    }
    return success();
  }
  // Waits until there are namespaces, or there can't be any, which is false. Any thread.
  [[nodiscard]] bool finish() noexcept {
    std::call_once(waited_, [this] { thread_.join(); });
    return succeeded_;
  }
  // Moves the calling thread.
  [[nodiscard]] const char* join(int root) const noexcept {
    // Threads share their root and working directories, which the mount namespace decides.
    if (::unshare(CLONE_FS) != 0) {
      return "can't part from the other threads' working directory";
    }
    const std::size_t joined = kKinds.size() - (root >= 0 ? 1 : 0);
    for (std::size_t i = 0; i < joined; ++i) {
      if (::setns(made_.at(i).get(), kKinds.at(i).type) != 0) {
        return "can't join the sandbox's namespaces";
      }
    }
    if (root >= 0) {
      return enter_root(root) ? nullptr : "can't enter the sandbox's root directory";
    }
    if (!working_directory_.empty() && ::chdir(working_directory_.c_str()) != 0) {
      return "can't enter the working directory in the sandbox's namespace";
    }
    return nullptr;
  }

 private:
  [[nodiscard]] bool make() {
    if (set_capabilities_in_effect(true) != nullptr || ::unshare(all_types()) != 0) {
      return false;
    }
    for (std::size_t i = 0; i < kKinds.size(); ++i) {
      const std::string path = fmt::format("/proc/thread-self/ns/{}", kKinds.at(i).name);
      made_.at(i) = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!made_.at(i)) {
        return false;
      }
    }
    return empty_root(directories_, working_directory_);
  }

  std::vector<Directory> directories_;
  std::string working_directory_;  // empty: the root
  std::array<UniqueFd, kKinds.size()> made_;
  bool succeeded_ = false;  // valid once waited_
  std::once_flag waited_;
  std::thread thread_;
};

Namespaces::Namespaces() = default;
Namespaces::Namespaces(Namespaces&&) noexcept = default;
Namespaces& Namespaces::operator=(Namespaces&&) noexcept = default;
Namespaces::~Namespaces() = default;

Result<Namespaces> Namespaces::begin(std::vector<std::string> paths) {
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
  if (!has_capability(CAP_SYS_ADMIN)) {
    const auto user =
        make_user_namespace({{{::geteuid(), ::geteuid(), 1}}, {{::getegid(), ::getegid(), 1}}});
    if (!user) {
      return made;
    }
    if (::setns(user.value().get(), CLONE_NEWUSER) != 0) {
      return errno_error("can't join the sandbox's user namespace");
    }
    // Joining gave it all capabilities there, which only this class needs, and made this process
    // one that its own children can't look at.
    if (const char* failed = set_capabilities_in_effect(false); failed != nullptr) {
      return errno_error(failed);
    }
    ::prctl(PR_SET_DUMPABLE, 1);
  }
  made.maker_ = std::make_unique<Maker>(std::move(directories), std::move(working));
  BOTHY_TRY(made.maker_->start());
  return made;
}

const char* Namespaces::enter_thread(int root) const noexcept {
  if (!maker_ || !maker_->finish()) {
    return nullptr;
  }
  const char* failed = set_capabilities_in_effect(true);
  return failed != nullptr ? failed : maker_->join(root);
}

}  // namespace bothy::sandbox
