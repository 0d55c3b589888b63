#include "bench/measure/kvm_statistics.h"

#include <charconv>
#include <set>
#include <string_view>

#include "base/files.h"
#include "bench/host/host.h"

namespace bothy::bench {
namespace {

constexpr const char* kDirectory = "/sys/kernel/debug/kvm";

// A machine's directory is named by the thread that made it.
std::set<std::string> threads_of(const std::vector<pid_t>& processes) {
  std::set<std::string> threads;
  for (const pid_t pid : processes) {
    const auto names = list_directory("/proc/" + std::to_string(pid) + "/task");
    if (names) {
      threads.insert(names.value().begin(), names.value().end());
    }
  }
  return threads;
}

void add_statistics(const std::string& directory, std::map<std::string, std::uint64_t>& sums) {
  const auto names = list_directory(directory);
  for (const std::string& name : names ? names.value() : std::vector<std::string>()) {
    // A directory of each vCPU has more, of which nothing is read.
    const std::string text = first_line(directory + "/" + name);
    std::uint64_t value = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc()) {
      sums[name] += value;
    }
  }
}

}  // namespace

Result<std::map<std::string, std::uint64_t>> kvm_statistics(const std::vector<pid_t>& processes) {
  const auto machines = list_directory(kDirectory);
  if (!machines) {
    return make_error(ErrorCode::kNotFound,
                      "KVM's statistics are not in {}: as root, mount -t debugfs none "
                      "/sys/kernel/debug",
                      kDirectory);
  }
  const std::set<std::string> threads = threads_of(processes);
  std::map<std::string, std::uint64_t> sums;
  for (const std::string& machine : machines.value()) {
    if (threads.contains(machine.substr(0, machine.find('-')))) {
      add_statistics(kDirectory + ("/" + machine), sums);
    }
  }
  if (sums.empty()) {
    return make_error(ErrorCode::kNotFound, "no process has a machine in {}", kDirectory);
  }
  return sums;
}

}  // namespace bothy::bench
