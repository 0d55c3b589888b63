#include "container/cgroup_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/files.h"
#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

constexpr mode_t kMode = 0755;

std::string parent_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

// The paths of `path` ("/a/b") from the first name to the whole: "/a", "/a/b".
std::vector<std::string> prefixes_of(const std::string& path) {
  std::vector<std::string> prefixes;
  for (std::size_t end = path.find('/', 1); !path.empty(); end = path.find('/', end + 1)) {
    prefixes.push_back(path.substr(0, end));
    if (end == std::string::npos) {
      break;
    }
  }
  return prefixes;
}

Error creation_error(const std::string& directory) {
  const int error_number = errno;
  Error error = cgroup_error(fmt::format("can't create cgroup '{}'", printable(directory)),
                             error_number, "the cgroup above it doesn't exist");
  if (error.code == ErrorCode::kPermission) {
    error.context += " (it takes root, or a cgroup delegated to this user)";
  } else if (error_number == EAGAIN) {
    error.context += " (cgroup.max.descendants or cgroup.max.depth of a cgroup above is reached)";
  }
  return error;
}

Result<void> make_parents(const CgroupPlace& place, NewCgroups& made) {
  for (const std::string& prefix : prefixes_of(parent_of(place.path))) {
    const std::string directory = place.mount + place.base + prefix;
    if (::mkdir(directory.c_str(), kMode) == 0) {
      made.add(directory);
    } else if (errno != EEXIST) {
      return creation_error(directory);
    }
  }
  return success();
}

bool is_frozen(const std::string& directory) {
  return cgroup_text(AT_FDCWD, directory + "/cgroup.freeze").starts_with('1') ||
         cgroup_text(AT_FDCWD, directory + "/freezer.state").starts_with("FR");
}

// An empty cgroup that is there already may have another container's limits and filter, so a new
// one takes its place. One that is frozen is somebody's: a process that came in would never run.
Result<void> make_leaf(const std::string& directory, NewCgroups& made) {
  int result = ::mkdir(directory.c_str(), kMode);
  if (result != 0 && errno == EEXIST) {
    if (is_frozen(directory)) {
      return make_error(ErrorCode::kBusy,
                        "can't create cgroup '{}': it exists: container's cgroup unexpectedly "
                        "frozen (thaw or remove it)",
                        printable(directory));
    }
    if (::rmdir(directory.c_str()) == 0) {
      result = ::mkdir(directory.c_str(), kMode);
    }
  }
  if (result != 0 && (errno == EBUSY || errno == ENOTDIR)) {
    return make_error(ErrorCode::kBusy, "can't create cgroup '{}': {}", printable(directory),
                      errno == EBUSY ? "it exists, with processes or cgroups in it"
                                     : "a cgroup's file has that name");
  }
  if (result != 0) {
    return creation_error(directory);
  }
  made.add(directory);
  return success();
}

// The leaf, and the parents that it needs. A parent goes away under our hands when another
// process's create() had made it, and failed; with a leaf in it none can.
Result<void> make_directories(const CgroupPlace& place, NewCgroups& made) {
  constexpr int kAttempts = 100;
  Result<void> leaf = make_leaf(place.directory(), made);
  for (int i = 0; i < kAttempts && !leaf && leaf.error().code == ErrorCode::kNotFound; ++i) {
    const Result<void> parents = make_parents(place, made);
    leaf = parents ? make_leaf(place.directory(), made) : parents;
  }
  return leaf;
}

Error controller_error(const std::string& controller, const std::string& directory,
                       int error_number) {
  Error error = cgroup_error(
      fmt::format("can't enable controller '{}' in cgroup '{}'", controller, printable(directory)),
      error_number,
      "it isn't available there: with systemd, 'Delegate=yes' of the unit hands it on");
  switch (error_number) {
    case EBUSY:
      error.context +=
          " (a cgroup with processes of its own can't hand controllers on: move them to a cgroup "
          "below it, or choose a parent without processes)";
      break;
    case ENOENT:
      error.code = ErrorCode::kUnsupported;
      break;
    case EACCES:
    case EPERM:
      error.context += " (it takes root, or a cgroup delegated with that controller)";
      break;
    default:
      break;
  }
  return error;
}

// Only the root, which has no type, may have processes beside the cgroups below it.
bool has_own_processes(const std::string& directory) {
  return exists(directory + "/cgroup.type") &&
         !cgroup_text(AT_FDCWD, directory + "/cgroup.procs").empty();
}

// 0, or an errno value. The kernel itself refuses a controller of domains in a cgroup with
// processes; with one of threads it would take the cgroup for a threaded one, below which no
// process can start (cgroup-v2.rst, Threads).
int enable_in(const std::string& directory, const std::string& controller) {
  const std::string file = directory + "/cgroup.subtree_control";
  if (std::ranges::count(words_of(cgroup_text(AT_FDCWD, file)), controller) > 0) {
    return 0;
  }
  return has_own_processes(directory) ? EBUSY : write_cgroup_file(AT_FDCWD, file, "+" + controller);
}

// In `cgroup` and all above it, from the top. Above a delegated cgroup the user can't write, and
// needn't: so the last step decides, and the first failure is the reason.
Result<void> enable_controller(const std::string& mount, const std::string& cgroup,
                               const std::string& controller) {
  std::vector<std::string> directories{mount};
  for (const std::string& prefix : prefixes_of(cgroup)) {
    directories.push_back(mount + prefix);
  }
  std::optional<Error> first;
  bool enabled = false;
  for (const std::string& directory : directories) {
    const int error_number = enable_in(directory, controller);
    enabled = error_number == 0;
    if (!enabled && !first) {
      first = controller_error(controller, directory, error_number);
    }
  }
  return enabled ? Result<void>(success()) : Result<void>(*first);
}

std::vector<std::string> without(const std::vector<std::string>& all,
                                 const std::vector<std::string>& excluded) {
  std::vector<std::string> rest;
  std::ranges::copy_if(all, std::back_inserter(rest), [&](const std::string& each) {
    return std::ranges::count(excluded, each) == 0;
  });
  return rest;
}

// A cgroup of cpuset takes no process before it has both.
Result<void> inherit_cpuset(const std::string& directory) {
  for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
    if (!words_of(cgroup_text(AT_FDCWD, directory + file)).empty()) {
      continue;
    }
    const std::string value = cgroup_text(AT_FDCWD, parent_of(directory) + file);
    const int error_number = write_cgroup_file(AT_FDCWD, directory + file, value);
    if (error_number != 0) {
      return cgroup_error(fmt::format("can't write '{}{}'", printable(directory), file),
                          error_number);
    }
  }
  return success();
}

bool may_write(const std::string& path) {
  return ::faccessat(AT_FDCWD, path.c_str(), W_OK, AT_EACCESS) == 0;
}

}  // namespace

Result<std::string> normalise_cgroup_path(std::string_view path) {
  const auto invalid = [&](const char* why) {
    return make_error(ErrorCode::kInvalid, "invalid cgroup path '{}': {}", printable(path), why);
  };
  std::string normal;
  for (std::string_view rest = path; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    if (name == "..") {
      return invalid("'..' would leave the place for it");
    }
    if (name.size() > NAME_MAX) {
      return invalid("a name is longer than 255 bytes");
    }
    if (name.find_first_of(std::string_view("\n\0", 2)) != std::string_view::npos) {
      return invalid("a name has a line feed or NUL");
    }
    if (!name.empty() && name != ".") {
      normal.append("/").append(name);
    }
  }
  constexpr std::size_t kRoom = 512;  // for the mount point and a file
  if (normal.size() > PATH_MAX - kRoom) {
    return invalid("it is too long");
  }
  if (normal.empty()) {
    return invalid("it is the root");
  }
  return normal;
}

NewCgroups::~NewCgroups() {
  for (auto path = paths_.rbegin(); path != paths_.rend(); ++path) {
    ::rmdir(path->c_str());  // fails, rightly, for a parent that others use by now
  }
}

Result<void> enable_controllers(const std::string& mount, const std::string& cgroup,
                                const std::vector<std::string>& needed,
                                const std::vector<std::string>& wanted) {
  for (const std::string& controller : needed) {
    BOTHY_TRY(enable_controller(mount, cgroup, controller));
  }
  for (const std::string& controller : wanted) {
    static_cast<void>(enable_controller(mount, cgroup, controller));
  }
  return success();
}

Result<UniqueFd> make_cgroup_v2(const CgroupPlace& place, const std::vector<std::string>& needed,
                                const std::vector<std::string>& wanted, NewCgroups& made) {
  BOTHY_TRY(make_directories(place, made));
  if (!needed.empty() || !wanted.empty()) {
    const std::string parent = place.base + parent_of(place.path);
    const std::vector<std::string> present =
        words_of(read_cgroup_record(AT_FDCWD, place.mount + parent + "/cgroup.subtree_control")
                     .value_or(std::string()));
    BOTHY_TRY(enable_controllers(place.mount, parent, without(needed, present),
                                 without(wanted, present)));
  }
  return open_cgroup(place.directory());
}

Result<UniqueFd> make_cgroup_v1(const CgroupPlace& place, bool cpuset, NewCgroups& made) {
  BOTHY_TRY(make_directories(place, made));
  if (cpuset) {
    for (const std::string& prefix : prefixes_of(place.path)) {
      BOTHY_TRY(inherit_cpuset(place.mount + place.base + prefix));
    }
  }
  return open_cgroup(place.directory());
}

std::vector<std::string> delegated_cgroups(const std::string& mount, const std::string& own) {
  std::vector<std::string> found;
  for (std::string cgroup = own == "/" ? "" : own;; cgroup = parent_of(cgroup)) {
    if (may_write(mount + cgroup) && may_write(mount + cgroup + "/cgroup.procs")) {
      found.push_back(cgroup);
    }
    if (cgroup.empty()) {
      return found;
    }
  }
}

}  // namespace bothy::container
