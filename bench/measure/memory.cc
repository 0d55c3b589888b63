#include "bench/measure/memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <span>
#include <string>

#include "base/files.h"
#include "bench/host/host.h"

namespace bothy::bench {
namespace {

std::string of_process(pid_t pid, const char* name) {
  return file_text("/proc/" + std::to_string(pid) + "/" + name);
}

struct Mapping {
  std::uint64_t size = 0;
  std::uint64_t pss = 0;
  std::string_view name;  // the path; empty for memory without a file
};

// "BEGIN-END PERMISSIONS OFFSET DEVICE INODE   NAME".
std::optional<Mapping> header(std::string_view line) {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  const char* last = line.data() + line.size();
  const auto first = std::from_chars(line.data(), last, begin, 16);
  if (first.ec != std::errc() || first.ptr == last || *first.ptr != '-') {
    return std::nullopt;
  }
  const auto second = std::from_chars(first.ptr + 1, last, end, 16);
  if (second.ec != std::errc() || second.ptr == last || *second.ptr != ' ') {
    return std::nullopt;
  }
  Mapping mapping{end - begin, 0, {}};
  const auto slash = line.find('/');
  if (slash != std::string_view::npos) {
    mapping.name = line.substr(slash);
  }
  return mapping;
}

std::vector<Mapping> mappings_in(std::string_view smaps) {
  std::vector<Mapping> mappings;
  while (!smaps.empty()) {
    const std::string_view line = smaps.substr(0, smaps.find('\n'));
    smaps.remove_prefix(std::min(line.size() + 1, smaps.size()));
    if (const auto mapping = header(line)) {
      mappings.push_back(*mapping);
    } else if (!mappings.empty() && line.starts_with("Pss:")) {
      mappings.back().pss = kibibytes_field(line, "Pss");
    }
  }
  return mappings;
}

}  // namespace

bool has_machine(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid) + "/fd";
  const auto names = list_directory(directory);
  return names && std::ranges::any_of(names.value(), [&](const std::string& name) {
           std::array<char, 64> target{};
           const ssize_t length =
               ::readlink((directory + "/" + name).c_str(), target.data(), target.size() - 1);
           return length > 0 && std::string_view(target.data()).starts_with("anon_inode:kvm-vm");
         });
}

std::uint64_t pss_of(const std::vector<pid_t>& processes) {
  std::uint64_t sum = 0;
  for (const pid_t pid : processes) {
    sum += kibibytes_field(of_process(pid, "smaps_rollup"), "Pss");
  }
  return sum;
}

std::uint64_t guest_pss_in(std::string_view smaps, std::uint64_t size) {
  const std::vector<Mapping> mappings = mappings_in(smaps);
  std::set<std::string_view> files;
  std::uint64_t sum = 0;
  for (const Mapping& mapping : mappings) {
    if (mapping.size >= size / 2) {
      if (mapping.name.empty()) {
        sum += mapping.pss;
      } else {
        files.insert(mapping.name);
      }
    }
  }
  for (const Mapping& mapping : mappings) {
    sum += files.contains(mapping.name) ? mapping.pss : 0;
  }
  return sum;
}

std::uint64_t guest_pss_of(const std::vector<pid_t>& processes, std::uint64_t size) {
  std::uint64_t sum = 0;
  for (const pid_t pid : processes) {
    sum += has_machine(pid) ? guest_pss_in(of_process(pid, "smaps"), size) : 0;
  }
  return sum;
}

std::optional<std::uint64_t> cgroup_memory_of(const std::vector<pid_t>& processes) {
  // "0::/path" is that of the unified hierarchy.
  const auto path_of = [](const std::string& text) {
    const auto at = text.find("0::");
    return at == std::string::npos ? std::string()
                                   : text.substr(at + 3, text.find('\n', at) - at - 3);
  };
  const std::string own = path_of(file_text("/proc/self/cgroup"));
  std::set<std::string> groups;
  for (const pid_t pid : processes) {
    const std::string path = path_of(of_process(pid, "cgroup"));
    if (!path.empty() && path != own && path != "/") {
      groups.insert(path);
    }
  }
  std::optional<std::uint64_t> sum;
  for (const std::string& group : groups) {
    const std::string text = first_line("/sys/fs/cgroup" + group + "/memory.current");
    std::uint64_t bytes = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), bytes).ec == std::errc()) {
      sum = sum.value_or(0) + bytes;
    }
  }
  return sum;
}

bool drop_caches() {
  constexpr const char* kPath = "/proc/sys/vm/drop_caches";
  ::sync();  // dirty pages can't be dropped
  const auto file = open_file(kPath, O_WRONLY);
  constexpr std::string_view kAll = "3\n";
  return file && write_all(file.value().get(), std::as_bytes(std::span(kAll)), kPath).has_value();
}

}  // namespace bothy::bench
