#include "container/cgroup_walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/unique_fd.h"
#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kEndTimeout{2};
constexpr std::chrono::seconds kRemovalTimeout{60};
constexpr std::size_t kMaxRemovals = 4096;  // in one step

UniqueFd open_directory(int directory, const char* name) {
  return UniqueFd(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

// Calls `take` with the name of each directory in an open one until it returns false. The buffer is
// small: removal reads it anew for each directory.
template <class Take>
void each_child(int directory, Take take) {
  const UniqueFd fd = open_directory(directory, ".");
  alignas(dirent64) std::array<char, 4096> buffer;
  while (true) {
    const ssize_t size = ::getdents64(fd.get(), buffer.data(), buffer.size());
    if (size <= 0) {
      return;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      const char* entry = buffer.data() + at;
      unsigned short length = 0;
      std::memcpy(&length, entry + offsetof(dirent64, d_reclen), sizeof length);
      const std::string_view name(entry + offsetof(dirent64, d_name));
      const bool is_child =
          entry[offsetof(dirent64, d_type)] == DT_DIR && name != "." && name != "..";
      if (is_child && !take(std::string(name))) {
        return;
      }
      at += length;
    }
  }
}

struct Removal {
  std::size_t removed = 0;
  std::string busy;  // the first that has cgroups or processes in it
};

Removal remove_children(int directory) {
  Removal removal;
  each_child(directory, [&](std::string name) {
    if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) == 0) {
      ++removal.removed;
    } else if (errno != ENOENT) {
      removal.busy = std::move(name);
    }
    return removal.busy.empty();
  });
  return removal;
}

// Removes cgroups below `top` from the deepest up, some kMaxRemovals, and keeps no names: whatever
// is first in a directory is gone, or descended into. Ends at the first one with processes. Returns
// how many were removed.
std::size_t remove_below(int top) {
  UniqueFd current = open_directory(top, ".");
  std::size_t removed = 0;
  std::size_t depth = 0;
  bool from_empty = false;  // the first child has been found to have no children
  while (current && removed < kMaxRemovals) {
    const Removal removal = remove_children(current.get());
    removed += removal.removed;
    if (removal.busy.empty()) {
      if (depth == 0) {
        break;
      }
      current = open_directory(current.get(), "..");
      --depth;
      from_empty = true;
      continue;
    }
    if (from_empty && removal.removed == 0) {
      break;
    }
    current = open_directory(current.get(), removal.busy.c_str());
    ++depth;
    from_empty = false;
  }
  return removed;
}

// Waits for the next change of a cgroup's state, or a few milliseconds where v1 doesn't tell.
class ChangeWait {
 public:
  explicit ChangeWait(int cgroup)
      : events_(::openat(cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC)) {}

  // Always true on v1, which doesn't say.
  [[nodiscard]] bool may_be_removed() const {
    std::array<char, 256> buffer;
    const ssize_t size = ::pread(events_.get(), buffer.data(), buffer.size(), 0);
    return size <= 0 ||
           number_of_key({buffer.data(), static_cast<std::size_t>(size)}, "populated") == 0;
  }
  void wait(milliseconds limit) const {
    pollfd change{events_.get(), POLLPRI, 0};
    if (events_) {
      ::poll(&change, 1, static_cast<int>(limit.count()));
    } else {
      std::this_thread::sleep_for(limit);
    }
  }

 private:
  UniqueFd events_;
};

Error busy_error(const std::string& path, int cgroup) {
  std::string pids = cgroup_text(cgroup, "cgroup.procs");
  std::ranges::replace(pids, '\n', ' ');
  const std::string why =
      pids.empty() ? "cgroups below it stay" : "it still has processes: " + printable(pids, 60);
  return make_error(ErrorCode::kBusy, "can't remove cgroup '{}': {}", printable(path), why);
}

}  // namespace

Result<void> for_each_cgroup(int top, const std::string& path,
                             const std::function<void(int)>& visit) {
  UniqueFd current = open_directory(top, ".");
  std::vector<std::vector<std::string>> pending;  // children to be visited, a list for each level
  std::size_t found = 0;
  const auto enter = [&] {
    visit(current.get());
    std::vector<std::string>& children = pending.emplace_back();
    each_child(current.get(), [&](std::string name) {
      children.push_back(std::move(name));
      return ++found <= kMaxCgroups;
    });
  };
  if (current) {
    enter();
  }
  while (!pending.empty()) {
    if (found > kMaxCgroups) {
      return make_error(ErrorCode::kExhausted, "cgroup '{}' has more than {} cgroups below it",
                        printable(path), kMaxCgroups);
    }
    if (pending.back().empty()) {
      pending.pop_back();
      if (!pending.empty()) {
        current = open_directory(current.get(), "..");
      }
      continue;
    }
    UniqueFd child = open_directory(current.get(), pending.back().back().c_str());
    pending.back().pop_back();
    if (child) {
      current = std::move(child);
      enter();
    }
  }
  return success();
}

Result<void> remove_cgroup(const std::string& path) {
  const auto removed = [&] { return ::rmdir(path.c_str()) == 0 || errno == ENOENT; };
  if (removed()) {
    return success();
  }
  if (errno != EBUSY) {
    return errno_error(fmt::format("can't remove cgroup '{}'", printable(path)));
  }
  const UniqueFd cgroup = open_directory(AT_FDCWD, path.c_str());
  const ChangeWait change(cgroup.get());
  const SteadyClock::time_point last = SteadyClock::now() + kRemovalTimeout;
  SteadyClock::time_point deadline = SteadyClock::now() + kEndTimeout;
  while (true) {
    const bool progress = change.may_be_removed() && remove_below(cgroup.get()) > 0;
    if (removed()) {
      return success();
    }
    const SteadyClock::time_point now = SteadyClock::now();
    if (progress) {
      deadline = now + kEndTimeout;
    } else if (now < deadline) {
      change.wait(milliseconds(10));
    }
    if (now >= std::min(deadline, last)) {
      return busy_error(path, cgroup.get());
    }
  }
}

}  // namespace bothy::container
