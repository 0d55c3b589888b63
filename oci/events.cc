#include "oci/events.h"

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <optional>

#include "base/files.h"
#include "container/cgroup.h"

namespace bothy::oci {
namespace {

namespace json = boost::json;
using container::BlockCount;
using container::CgroupDetails;
using Clock = std::chrono::steady_clock;

json::object usage_json(const CgroupDetails::Usage& usage) {
  return {{"limit", usage.limit},
          {"usage", usage.now},
          {"max", usage.most},
          {"failcnt", usage.failures}};
}

json::array block_json(const std::vector<BlockCount>& counts) {
  json::array array;
  for (const BlockCount& each : counts) {
    array.push_back(json::object{{"major", each.major},
                                 {"minor", each.minor},
                                 {"op", each.operation},
                                 {"value", each.value}});
  }
  return array;
}

json::object cpu_json(const CgroupDetails& details) {
  return {{"usage", json::object{{"total", details.cpu_ns},
                                 {"kernel", details.kernel_ns},
                                 {"user", details.user_ns}}},
          {"throttling", json::object{{"periods", details.periods},
                                      {"throttledPeriods", details.throttled_periods},
                                      {"throttledTime", details.throttled_ns}}}};
}

json::object memory_json(const CgroupDetails& details) {
  json::object raw;
  for (const auto& [name, value] : details.memory_counts) {
    raw[name] = value;
  }
  return {{"cache", details.cache},           {"usage", usage_json(details.memory)},
          {"swap", usage_json(details.swap)}, {"kernel", usage_json({})},
          {"kernelTCP", usage_json({})},      {"raw", std::move(raw)}};
}

json::object huge_pages_json(const CgroupDetails& details) {
  json::object all;
  for (const auto& [size, usage] : details.huge_pages) {
    all[size] =
        json::object{{"usage", usage.now}, {"max", usage.most}, {"failcnt", usage.failures}};
  }
  return all;
}

Result<CgroupDetails> details_of(const Record& record) {
  if (record.cgroups.empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "container '{}' has no cgroup: it was made without one", record.id);
  }
  BOTHY_TRY(const auto cgroup, container::Cgroup::open(record.cgroups));
  return cgroup.details();
}

// memory.events of v2, whose changes poll(2) sees; empty where there is none.
UniqueFd memory_events(const Record& record) {
  const auto cgroup = container::Cgroup::open(record.cgroups);
  return cgroup && cgroup.value().unified_fd() >= 0
             ? UniqueFd(
                   ::openat(cgroup.value().unified_fd(), "memory.events", O_RDONLY | O_CLOEXEC))
             : UniqueFd();
}

// Until the time, a change of memory.events, or the end of the process, which gives true.
bool wait_for_end(int process, int memory, Clock::time_point until) {
  const auto rest =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count() + 1;
  std::array<pollfd, 2> ready{{{process, POLLIN, 0}, {memory, POLLPRI, 0}}};
  ::poll(ready.data(), ready.size(), static_cast<int>(std::max<std::int64_t>(rest, 0)));
  if ((ready[1].revents & POLLPRI) != 0) {
    std::array<char, 256> text;
    [[maybe_unused]] const auto count = ::pread(memory, text.data(), text.size(), 0);
  }
  return ready[0].revents != 0;
}

}  // namespace

json::object stats_event(std::string_view id, const CgroupDetails& details) {
  json::object data{
      {"cpu", cpu_json(details)},
      {"memory", memory_json(details)},
      {"pids", json::object{{"current", details.processes}, {"limit", details.process_limit}}},
      {"blkio", json::object{{"ioServiceBytesRecursive", block_json(details.block_bytes)},
                             {"ioServicedRecursive", block_json(details.block_operations)}}},
      {"hugetlb", huge_pages_json(details)},
      {"intel_rdt", json::object()},
      {"network_interfaces", nullptr}};
  return {{"type", "stats"}, {"id", id}, {"data", std::move(data)}};
}

Result<void> print_statistics(const Records& records, const std::string& id,
                              const EventSink& sink) {
  BOTHY_TRY(const Record record, records.load(id));
  if (!open_process(record)) {
    return make_error(ErrorCode::kInvalid, "can't read the use of '{}': container not running", id);
  }
  BOTHY_TRY(const CgroupDetails details, details_of(record));
  sink(stats_event(id, details));
  return success();
}

Result<void> follow_events(const Records& records, const std::string& id,
                           std::chrono::milliseconds interval, const EventSink& sink) {
  BOTHY_TRY(const Record record, records.load(id));
  const auto process = open_process(record);
  if (!process) {
    return make_error(ErrorCode::kInvalid, "can't watch '{}': container not running", id);
  }
  const UniqueFd memory = memory_events(record);
  BOTHY_TRY(const CgroupDetails first, details_of(record));
  std::uint64_t oom_kills = first.oom_kills;
  Clock::time_point next = Clock::now() + interval;
  while (!wait_for_end(process.value().get(), memory.get(), next)) {
    const auto details = details_of(record);
    if (!details) {
      break;  // the container was deleted meanwhile
    }
    if (details.value().oom_kills > oom_kills) {
      oom_kills = details.value().oom_kills;
      sink({{"type", "oom"}, {"id", id}});
    }
    if (Clock::now() >= next) {
      next = Clock::now() + interval;
      sink(stats_event(id, details.value()));
    }
  }
  return success();
}

}  // namespace bothy::oci
