#include "bench/measure/host_state.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <string_view>

#include "base/files.h"
#include "bench/host/host.h"

namespace bothy::bench {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const std::string& path) {
  auto names = list_directory(path);
  return names ? std::move(names).value() : std::vector<std::string>();
}

// The fifth field of each line (proc(5), mountinfo).
std::set<std::string> mounts() {
  std::set<std::string> found;
  const std::string text = file_text("/proc/self/mountinfo");
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    for (int i = 0; i < 4; ++i) {
      line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    }
    found.emplace(line.substr(0, line.find(' ')));
  }
  return found;
}

std::set<std::string> below(const std::string& directory, bool directories_alone) {
  std::set<std::string> found;
  std::error_code error;
  fs::recursive_directory_iterator at(directory, fs::directory_options::skip_permission_denied,
                                      error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code gone;
    if (!directories_alone || at->symlink_status(gone).type() == fs::file_type::directory) {
      found.insert(at->path().string());
    }
  }
  return found;
}

std::set<std::string> namespaces() {
  std::set<std::string> found;
  for (const std::string& process : names_in("/proc")) {
    if (process.find_first_not_of("0123456789") != std::string::npos) {
      continue;
    }
    const std::string directory = "/proc/" + process + "/ns";
    for (const std::string& kind : names_in(directory)) {
      std::array<char, 64> target{};
      if (::readlink((directory + "/" + kind).c_str(), target.data(), target.size() - 1) > 0) {
        found.insert(target.data());
      }
    }
  }
  return found;
}

std::set<std::string> loop_devices() {
  std::set<std::string> found;
  for (const std::string& name : names_in("/sys/block")) {
    if (name.starts_with("loop") && exists("/sys/block/" + name + "/loop/backing_file")) {
      found.insert(name);
    }
  }
  return found;
}

}  // namespace

HostState host_state(const std::string& directory) {
  const auto interfaces = names_in("/sys/class/net");
  return {{"mounts", mounts()},
          {"cgroups", below("/sys/fs/cgroup", true)},
          {"namespaces", namespaces()},
          {"loop devices", loop_devices()},
          {"interfaces", {interfaces.begin(), interfaces.end()}},
          {"files", below(directory, false)}};
}

HostState added(const HostState& before, const HostState& after) {
  HostState found;
  for (const auto& [kind, names] : after) {
    const auto earlier = before.find(kind);
    const std::set<std::string> none;
    std::set<std::string> more;
    std::ranges::set_difference(names, earlier == before.end() ? none : earlier->second,
                                std::inserter(more, more.end()));
    if (!more.empty()) {
      found.emplace(kind, std::move(more));
    }
  }
  return found;
}

}  // namespace bothy::bench
