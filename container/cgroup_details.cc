#include "container/cgroup_details.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/files.h"
#include "container/cgroup.h"
#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

constexpr std::uint64_t kNsPerUs = 1000;
constexpr std::uint64_t kNsPerTick = 10'000'000;  // USER_HZ is 100 on every architecture
// v1 writes the largest multiple of the page size instead of "max".
constexpr std::uint64_t kNoLimitOfV1 = 0x7ffffffffff00000;

std::uint64_t number_in(int directory, const std::string& file) {
  return number_of(cgroup_text(directory, file));
}

std::uint64_t limit_in(int directory, const std::string& file) {
  const std::uint64_t limit = number_in(directory, file);
  return limit >= kNoLimitOfV1 ? 0 : limit;
}

// "8:0" and what follows.
std::optional<BlockCount> take_device(const std::vector<std::string>& words) {
  const std::size_t colon = words.empty() ? std::string::npos : words.front().find(':');
  if (colon == std::string::npos) {
    return std::nullopt;
  }
  const std::string_view device = words.front();
  return BlockCount{static_cast<std::uint32_t>(number_of(device.substr(0, colon))),
                    static_cast<std::uint32_t>(number_of(device.substr(colon + 1))),
                    {},
                    0};
}

void read_counts(const std::string& text, CgroupDetails& details) {
  for (const std::string_view line : lines_of(text)) {
    const std::size_t space = line.find(' ');
    if (space != std::string_view::npos) {
      details.memory_counts[std::string(line.substr(0, space))] = number_of(line.substr(space + 1));
    }
  }
}

void read_cpu_v2(int directory, CgroupDetails& details) {
  const std::string text = cgroup_text(directory, "cpu.stat");
  details.cpu_ns = number_of_key(text, "usage_usec") * kNsPerUs;
  details.user_ns = number_of_key(text, "user_usec") * kNsPerUs;
  details.kernel_ns = number_of_key(text, "system_usec") * kNsPerUs;
  details.periods = number_of_key(text, "nr_periods");
  details.throttled_periods = number_of_key(text, "nr_throttled");
  details.throttled_ns = number_of_key(text, "throttled_usec") * kNsPerUs;
}

void read_cpu_v1(int directory, CgroupDetails& details) {
  const std::string text = cgroup_text(directory, "cpu.stat");
  details.periods = number_of_key(text, "nr_periods");
  details.throttled_periods = number_of_key(text, "nr_throttled");
  details.throttled_ns = number_of_key(text, "throttled_time");
}

void read_cpu_use_v1(int directory, CgroupDetails& details) {
  const std::string text = cgroup_text(directory, "cpuacct.stat");
  details.cpu_ns = number_in(directory, "cpuacct.usage");
  details.user_ns = number_of_key(text, "user") * kNsPerTick;
  details.kernel_ns = number_of_key(text, "system") * kNsPerTick;
}

void read_memory_v2(int directory, CgroupDetails& details) {
  read_counts(cgroup_text(directory, "memory.stat"), details);
  const std::string events = cgroup_text(directory, "memory.events");
  details.memory = {number_in(directory, "memory.current"), number_in(directory, "memory.peak"),
                    number_in(directory, "memory.max"), number_of_key(events, "max")};
  details.swap = {number_in(directory, "memory.swap.current"),
                  number_in(directory, "memory.swap.peak"), number_in(directory, "memory.swap.max"),
                  0};
  details.cache = details.memory_counts.contains("file") ? details.memory_counts["file"] : 0;
  details.oom_kills = number_of_key(events, "oom_kill");
}

CgroupDetails::Usage usage_v1(int directory, const std::string& prefix) {
  return {number_in(directory, prefix + "usage_in_bytes"),
          number_in(directory, prefix + "max_usage_in_bytes"),
          limit_in(directory, prefix + "limit_in_bytes"), number_in(directory, prefix + "failcnt")};
}

void read_memory_v1(int directory, CgroupDetails& details) {
  read_counts(cgroup_text(directory, "memory.stat"), details);
  details.memory = usage_v1(directory, "memory.");
  details.swap = usage_v1(directory, "memory.memsw.");
  details.cache = details.memory_counts.contains("cache") ? details.memory_counts["cache"] : 0;
  details.oom_kills = number_of_key(cgroup_text(directory, "memory.oom_control"), "oom_kill");
}

// The sizes are in the names of files.
void read_huge_pages(int directory, const std::string& path, bool v1, CgroupDetails& details) {
  const auto names = list_directory(directory, path);
  if (!names) {
    return;
  }
  constexpr std::string_view kPrefix = "hugetlb.";
  const std::string_view suffix = v1 ? ".usage_in_bytes" : ".current";
  for (const std::string& name : names.value()) {
    if (!name.starts_with(kPrefix) || !name.ends_with(suffix) ||
        name.find(".rsvd.") != std::string::npos) {
      continue;
    }
    const std::string size =
        name.substr(kPrefix.size(), name.size() - kPrefix.size() - suffix.size());
    const std::string prefix = std::string(kPrefix) + size + ".";
    details.huge_pages[size] =
        v1 ? usage_v1(directory, prefix)
           : CgroupDetails::Usage{number_in(directory, prefix + "current"), 0,
                                  number_in(directory, prefix + "max"),
                                  number_of_key(cgroup_text(directory, prefix + "events"), "max")};
  }
}

}  // namespace

std::vector<BlockCount> parse_io_stat(std::string_view text, std::string_view read_key,
                                      std::string_view write_key) {
  std::vector<BlockCount> counts;
  for (const std::string_view line : lines_of(text)) {
    const std::vector<std::string> words = words_of(line);
    auto count = take_device(words);
    if (!count) {
      continue;
    }
    for (const std::string& word : words) {
      const bool is_read = word.starts_with(read_key);
      if (is_read || word.starts_with(write_key)) {
        count->operation = is_read ? "Read" : "Write";
        count->value = number_of(std::string_view(word).substr(word.find('=') + 1));
        counts.push_back(*count);
      }
    }
  }
  return counts;
}

std::vector<BlockCount> parse_block_counts(std::string_view text) {
  std::vector<BlockCount> counts;
  for (const std::string_view line : lines_of(text)) {
    const std::vector<std::string> words = words_of(line);
    auto count = take_device(words);
    if (count && words.size() == 3) {
      count->operation = words[1];
      count->value = number_of(words[2]);
      counts.push_back(*count);
    }
  }
  return counts;
}

Result<CgroupDetails> Cgroup::details() const {
  BOTHY_TRY(any_directory());
  CgroupDetails details;
  if (unified_) {
    const int directory = unified_.get();
    read_cpu_v2(directory, details);
    read_memory_v2(directory, details);
    const std::string io = cgroup_text(directory, "io.stat");
    details.block_bytes = parse_io_stat(io, "rbytes=", "wbytes=");
    details.block_operations = parse_io_stat(io, "rios=", "wios=");
    details.process_limit = number_in(directory, "pids.max");
    read_huge_pages(directory, name(), false, details);
  }
  if (const V1* cpu = find_v1("cpu")) {
    read_cpu_v1(cpu->directory.get(), details);
  }
  if (const V1* cpu = find_v1("cpuacct")) {
    read_cpu_use_v1(cpu->directory.get(), details);
  }
  if (const V1* memory = find_v1("memory")) {
    read_memory_v1(memory->directory.get(), details);
  }
  if (const V1* block = find_v1("blkio")) {
    const int directory = block->directory.get();
    details.block_bytes =
        parse_block_counts(cgroup_text(directory, "blkio.throttle.io_service_bytes_recursive"));
    details.block_operations =
        parse_block_counts(cgroup_text(directory, "blkio.throttle.io_serviced_recursive"));
  }
  if (const V1* pids = find_v1("pids")) {
    details.process_limit = number_in(pids->directory.get(), "pids.max");
  }
  if (const V1* huge = find_v1("hugetlb")) {
    read_huge_pages(huge->directory.get(), huge->path, true, details);
  }
  BOTHY_TRY(const std::vector<pid_t> pids, processes());
  details.processes = pids.size();
  return details;
}

}  // namespace bothy::container
