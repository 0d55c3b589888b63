#include <algorithm>

#include "container/cgroup.h"
#include "container/cgroup_files.h"

namespace bothy::container {
namespace {

constexpr std::uint64_t kNanosecondsPerMicrosecond = 1000;
// v1 writes the largest multiple of the page size instead of "max".
constexpr std::uint64_t kNoLimitOfV1 = 0x7ffffffffff00000;

// The sum of the numbers that follow `key`, in "8:0 rbytes=4096 wbytes=0 ..." (v2) and "8:0 Read
// 4096" (v1).
std::uint64_t sum_of(std::string_view text, std::string_view key) {
  std::uint64_t sum = 0;
  for (const std::string_view line : lines_of(text)) {
    const std::size_t at = line.find(key);
    if (at != std::string_view::npos) {
      sum += number_of(line.substr(at + key.size()));
    }
  }
  return sum;
}

}  // namespace

Result<CgroupStatistics> Cgroup::statistics() const {
  BOTHY_TRY(any_directory());
  CgroupStatistics result;
  if (const V1* cpu = find_v1("cpuacct")) {
    result.cpu_ns = number_of(cgroup_text(cpu->directory.get(), "cpuacct.usage"));
  } else if (unified_) {
    result.cpu_ns = number_of_key(cgroup_text(unified_.get(), "cpu.stat"), "usage_usec") *
                    kNanosecondsPerMicrosecond;
  }
  if (const V1* memory = find_v1("memory")) {
    const int directory = memory->directory.get();
    result.memory = number_of(cgroup_text(directory, "memory.usage_in_bytes"));
    const std::uint64_t limit = number_of(cgroup_text(directory, "memory.limit_in_bytes"));
    result.memory_limit = limit >= kNoLimitOfV1 ? 0 : limit;
  } else if (unified_) {
    result.memory = number_of(cgroup_text(unified_.get(), "memory.current"));
    result.memory_limit = number_of(cgroup_text(unified_.get(), "memory.max"));
  }
  if (const V1* block = find_v1("blkio")) {
    const std::string text =
        cgroup_text(block->directory.get(), "blkio.throttle.io_service_bytes_recursive");
    result.read_bytes = sum_of(text, " Read ");
    result.written_bytes = sum_of(text, " Write ");
  } else if (unified_) {
    const std::string text = cgroup_text(unified_.get(), "io.stat");
    result.read_bytes = sum_of(text, "rbytes=");
    result.written_bytes = sum_of(text, "wbytes=");
  }
  BOTHY_TRY(const std::vector<pid_t> pids, processes());
  result.processes = pids.size();
  return result;
}

bool Cgroup::had_oom_kill() const {
  if (const V1* memory = find_v1("memory")) {
    return number_of_key(cgroup_text(memory->directory.get(), "memory.oom_control"), "oom_kill") >
           0;
  }
  return unified_ && number_of_key(cgroup_text(unified_.get(), "memory.events"), "oom_kill") > 0;
}

}  // namespace bothy::container
