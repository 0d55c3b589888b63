#include "bench/measure/reaper.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <string>
#include <thread>

#include "base/files.h"

namespace bothy::bench {
namespace {

constexpr std::chrono::milliseconds kPause{1};
constexpr std::chrono::seconds kEndAfterKill{10};

std::int64_t nanoseconds(const timeval& time) {
  return (static_cast<std::int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec) * 1000;
}

std::string content(const std::string& path) {
  auto file = open_file(path, O_RDONLY);
  auto text = file ? read_to_end(file.value().get(), path) : Result<std::string>(file.error());
  return text ? std::move(text).value() : std::string();
}

// The parent of a process (proc(5), stat: the field after the name in parentheses and the state).
pid_t parent_of(pid_t pid) {
  const std::string text = content("/proc/" + std::to_string(pid) + "/stat");
  const auto end = text.rfind(')');
  pid_t parent = 0;
  if (end != std::string::npos && text.size() > end + 4) {
    std::from_chars(text.data() + end + 4, text.data() + text.size(), parent);
  }
  return parent;
}

std::multimap<pid_t, pid_t> all_processes() {
  std::multimap<pid_t, pid_t> by_parent;
  const auto names = list_directory("/proc");
  for (const std::string& name : names ? names.value() : std::vector<std::string>()) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ptr == name.data() + name.size() && pid > 0) {
      by_parent.emplace(parent_of(pid), pid);
    }
  }
  return by_parent;
}

}  // namespace

std::int64_t now_ns() noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

Usage& Usage::operator+=(const Usage& other) noexcept {
  user_ns += other.user_ns;
  system_ns += other.system_ns;
  faults += other.faults;
  switches += other.switches;
  return *this;
}

Result<Reaper> Reaper::begin() {
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
    return errno_error("can't become the parent of orphans");
  }
  return Reaper();
}

void Reaper::collect() {
  int status = 0;
  rusage used{};
  for (pid_t pid = 0; (pid = ::wait4(-1, &status, WNOHANG, &used)) > 0;) {
    usage_ += {nanoseconds(used.ru_utime), nanoseconds(used.ru_stime), used.ru_minflt,
               used.ru_nvcsw + used.ru_nivcsw};
    ended_.insert_or_assign(pid, ProcessEnd(status));
  }
}

std::optional<ProcessEnd> Reaper::take_end(pid_t pid) {
  const auto found = ended_.find(pid);
  if (found == ended_.end()) {
    return std::nullopt;
  }
  const ProcessEnd end = found->second;
  ended_.erase(found);
  return end;
}

Usage Reaper::take_usage() {
  return std::exchange(usage_, Usage());
}

std::set<pid_t> Reaper::children() {
  std::set<pid_t> found;
  const std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  if (::access(path.c_str(), R_OK) == 0) {
    const std::string text = content(path);
    const char* at = text.data();
    const char* end = at + text.size();
    for (pid_t pid = 0; at < end;) {
      const auto parsed = std::from_chars(at, end, pid);
      if (parsed.ec == std::errc()) {
        found.insert(pid);
      }
      at = parsed.ptr + 1;
    }
    return found;
  }
  const auto by_parent = all_processes();
  const auto [first, last] = by_parent.equal_range(::getpid());
  std::for_each(first, last, [&](const auto& each) { found.insert(each.second); });
  return found;
}

std::vector<pid_t> Reaper::descendants(const std::set<pid_t>& of) {
  const auto by_parent = all_processes();
  std::vector<pid_t> found(of.begin(), of.end());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [first, last] = by_parent.equal_range(found[i]);
    std::for_each(first, last, [&](const auto& each) { found.push_back(each.second); });
  }
  return found;
}

bool Reaper::wait_for_all_but(const std::set<pid_t>& staying, Clock::time_point deadline) {
  for (;;) {
    collect();
    if (std::ranges::includes(staying, children())) {
      ended_.clear();
      return true;
    }
    if (Clock::now() >= deadline) {
      return false;
    }
    std::this_thread::sleep_for(kPause);
  }
}

void Reaper::kill_all_but(const std::set<pid_t>& staying) {
  const auto deadline = Clock::now() + kEndAfterKill;
  do {
    std::set<pid_t> killed = children();
    std::erase_if(killed, [&](pid_t pid) { return staying.contains(pid); });
    for (const pid_t pid : descendants(killed)) {
      ::kill(pid, SIGKILL);
    }
  } while (!wait_for_all_but(staying, std::min(deadline, Clock::now() + 100 * kPause)) &&
           Clock::now() < deadline);
}

}  // namespace bothy::bench
