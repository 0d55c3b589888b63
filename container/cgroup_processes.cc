// The processes of a Cgroup: counted, frozen, killed (cgroup-v2.rst, Core Interface Files;
// cgroup-v1/freezer-subsystem.rst).
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

#include "base/files.h"
#include "container/cgroup.h"
#include "container/cgroup_files.h"
#include "container/cgroup_walk.h"

namespace bothy::container {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kFreezeTimeout{10};
constexpr std::chrono::seconds kKillTimeout{10};

Error control_error(const char* operation, const std::string& cgroup, int error_number) {
  Error error =
      cgroup_error(fmt::format("can't {} cgroup '{}'", operation, printable(cgroup)), error_number,
                   "it takes Linux 5.2 with cgroup v2, or the controller 'freezer' of v1");
  if (error_number == ENOENT) {
    error.code = ErrorCode::kUnsupported;
  }
  return error;
}

Error freeze_timeout(const std::string& cgroup) {
  return make_error(
      ErrorCode::kBusy,
      "can't freeze cgroup '{}': a process in it doesn't stop within {} s; it waits for a "
      "device or file system",
      printable(cgroup), kFreezeTimeout.count());
}

Result<void> write_freeze(int cgroup, const std::string& name, bool frozen) {
  const int error_number = write_cgroup_file(cgroup, "cgroup.freeze", frozen ? "1" : "0");
  if (error_number != 0) {
    return control_error(frozen ? "freeze" : "thaw", name, error_number);
  }
  return success();
}

Result<bool> wait_for_frozen(int cgroup, const std::string& name) {
  const UniqueFd events(::openat(cgroup, "cgroup.events", O_RDONLY | O_CLOEXEC));
  if (!events) {
    return control_error("freeze", name, errno);
  }
  const SteadyClock::time_point deadline = SteadyClock::now() + kFreezeTimeout;
  while (true) {
    std::array<char, 256> buffer;
    const ssize_t size = ::pread(events.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) {
      return control_error("freeze", name, errno);
    }
    if (number_of_key({buffer.data(), static_cast<std::size_t>(size)}, "frozen") == 1) {
      return true;
    }
    const auto rest = std::chrono::duration_cast<milliseconds>(deadline - SteadyClock::now());
    if (rest.count() <= 0) {
      return false;
    }
    pollfd change{events.get(), POLLPRI, 0};
    ::poll(&change, 1, static_cast<int>(rest.count()));
  }
}

// v1 stays at FREEZING when a process forks or waits meanwhile: the state is written again until it
// sticks, after a moment thawed now and then, so that whoever waits for a frozen process gets on.
Result<void> freeze_v1(int cgroup, const std::string& name) {
  const SteadyClock::time_point deadline = SteadyClock::now() + kFreezeTimeout;
  constexpr int kAttemptsBeforeThaw = 50;
  for (int attempt = 1; SteadyClock::now() < deadline; ++attempt) {
    const int error_number = write_cgroup_file(cgroup, "freezer.state", "FROZEN");
    if (error_number != 0) {
      return control_error("freeze", name, error_number);
    }
    if (cgroup_text(cgroup, "freezer.state") == "FROZEN\n") {
      return success();
    }
    if (attempt % kAttemptsBeforeThaw == 0) {
      static_cast<void>(write_cgroup_file(cgroup, "freezer.state", "THAWED"));
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
  static_cast<void>(write_cgroup_file(cgroup, "freezer.state", "THAWED"));
  return freeze_timeout(name);
}

}  // namespace

Result<void> Cgroup::freeze() {
  BOTHY_TRY(any_directory());
  if (!unified_) {
    const V1* freezer = find_v1("freezer");
    return freezer == nullptr ? Result<void>(control_error("freeze", name(), ENOENT))
                              : freeze_v1(freezer->directory.get(), freezer->path);
  }
  BOTHY_TRY(write_freeze(unified_.get(), name(), true));
  BOTHY_TRY(const bool frozen, wait_for_frozen(unified_.get(), name()));
  if (!frozen) {
    static_cast<void>(write_freeze(unified_.get(), name(), false));
    return freeze_timeout(name());
  }
  return success();
}

Result<void> Cgroup::thaw() {
  BOTHY_TRY(any_directory());
  if (unified_) {
    return write_freeze(unified_.get(), name(), false);
  }
  const V1* freezer = find_v1("freezer");
  const int error_number =
      freezer == nullptr ? ENOENT
                         : write_cgroup_file(freezer->directory.get(), "freezer.state", "THAWED");
  return error_number == 0 ? Result<void>(success())
                           : Result<void>(control_error("thaw", name(), error_number));
}

Result<bool> Cgroup::is_frozen() const {
  const V1* freezer = find_v1("freezer");
  if (!unified_ && freezer == nullptr) {
    return false;
  }
  const auto state = unified_ ? read_cgroup_file(unified_.get(), "cgroup.events")
                              : read_cgroup_file(freezer->directory.get(), "freezer.state");
  if (!state) {
    return control_error("read the state of", name(), errno);
  }
  return unified_ ? number_of_key(*state, "frozen") == 1 : *state == "FROZEN\n";
}

Result<void> Cgroup::kill() {
  BOTHY_TRY(any_directory());
  const int error_number =
      unified_ ? write_cgroup_file(unified_.get(), "cgroup.kill", "1") : ENOENT;
  if (error_number == 0) {
    return success();
  }
  if (error_number != ENOENT) {
    return control_error("kill the processes of", name(), error_number);
  }
  return kill_one_by_one();
}

// Before Linux 5.14, and on v1. While they are frozen, none of them forks, and no id is used anew.
Result<void> Cgroup::kill_one_by_one() {
  const SteadyClock::time_point deadline = SteadyClock::now() + kKillTimeout;
  while (true) {
    const Result<void> frozen = freeze();
    const Result<std::vector<pid_t>> found = processes();
    if (found) {
      for (const pid_t pid : found.value()) {
        ::kill(pid, SIGKILL);
      }
    }
    if (frozen) {
      BOTHY_TRY(thaw());
    }
    BOTHY_TRY(const std::vector<pid_t> pids, found);
    // Killed while frozen, all are killed; otherwise a new one may have been forked.
    if (pids.empty() || frozen) {
      return success();
    }
    if (SteadyClock::now() >= deadline) {
      return make_error(ErrorCode::kBusy,
                        "can't kill the processes of cgroup '{}': {} are left after {} s",
                        printable(name()), pids.size(), kKillTimeout.count());
    }
    std::this_thread::sleep_for(milliseconds(1));
  }
}

Result<std::vector<pid_t>> Cgroup::processes() const {
  BOTHY_TRY(const int top, any_directory());
  std::vector<pid_t> pids;
  BOTHY_TRY(for_each_cgroup(top, name(), [&](int cgroup) {
    // A threaded cgroup has no list: its processes are those of the domain above (EOPNOTSUPP).
    const std::string text = cgroup_text(cgroup, "cgroup.procs");
    for (const std::string_view line : lines_of(text)) {
      const auto pid = static_cast<pid_t>(number_of(line));
      if (pid > 0) {  // 0: in a PID namespace that isn't ours or below
        pids.push_back(pid);
      }
    }
  }));
  return pids;
}

}  // namespace bothy::container
