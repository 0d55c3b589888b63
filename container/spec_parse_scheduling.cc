#include <linux/sched.h>

#include <array>

#include "container/spec_parse.h"

namespace bothy::container {
namespace {

// SCHED_ISO is reserved in Linux, but doesn't exist (sched(7)).
constexpr std::array<NamedValue<std::uint32_t>, 6> kPolicies{{
    {"SCHED_OTHER", SCHED_NORMAL},
    {"SCHED_FIFO", SCHED_FIFO},
    {"SCHED_RR", SCHED_RR},
    {"SCHED_BATCH", SCHED_BATCH},
    {"SCHED_IDLE", SCHED_IDLE},
    {"SCHED_DEADLINE", SCHED_DEADLINE},
}};

constexpr std::array<NamedValue<std::uint64_t>, 7> kSchedulerFlags{{
    {"SCHED_FLAG_RESET_ON_FORK", SCHED_FLAG_RESET_ON_FORK},
    {"SCHED_FLAG_RECLAIM", SCHED_FLAG_RECLAIM},
    {"SCHED_FLAG_DL_OVERRUN", SCHED_FLAG_DL_OVERRUN},
    {"SCHED_FLAG_KEEP_POLICY", SCHED_FLAG_KEEP_POLICY},
    {"SCHED_FLAG_KEEP_PARAMS", SCHED_FLAG_KEEP_PARAMS},
    {"SCHED_FLAG_UTIL_CLAMP_MIN", SCHED_FLAG_UTIL_CLAMP_MIN},
    {"SCHED_FLAG_UTIL_CLAMP_MAX", SCHED_FLAG_UTIL_CLAMP_MAX},
}};

// ioprio_set(2); <linux/ioprio.h> isn't C++.
constexpr std::array<NamedValue<std::uint32_t>, 3> kIoClasses{{
    {"IOPRIO_CLASS_RT", 1},
    {"IOPRIO_CLASS_BE", 2},
    {"IOPRIO_CLASS_IDLE", 3},
}};

constexpr std::uint32_t kMaxIoPriority = 7;  // ioprio_set(2)
constexpr std::uint32_t kMaxPriority = 99;   // sched(7)
constexpr std::int32_t kLowestNice = 19;     // sched(7)
constexpr std::int32_t kHighestNice = -20;

Result<void> read_flag(const SpecValue& value, std::uint64_t& flag) {
  BOTHY_TRY(flag, value.word(kSchedulerFlags, "flag"));
  return success();
}

Result<void> read_scheduler(const SpecValue& value, std::optional<Scheduler>& into) {
  Scheduler& scheduler = into.emplace();
  BOTHY_TRY(value.require("policy"));
  BOTHY_TRY(value.read_word("policy", scheduler.policy, kPolicies, "policy"));
  BOTHY_TRY(value.read_number("nice", scheduler.nice, kHighestNice, kLowestNice));
  // sched(7): from 1 for the real-time policies, and 0 for the others.
  const bool real_time = scheduler.policy == SCHED_FIFO || scheduler.policy == SCHED_RR;
  if (real_time) {
    BOTHY_TRY(value.require("priority"));
  }
  BOTHY_TRY(value.read_number("priority", scheduler.priority, real_time ? 1U : 0U,
                              real_time ? kMaxPriority : 0U));
  std::vector<std::uint64_t> flags;
  BOTHY_TRY(value.read_each("flags", flags, read_flag));
  for (const std::uint64_t flag : flags) {
    scheduler.flags |= flag;
  }
  BOTHY_TRY(value.read_number("runtime", scheduler.runtime));
  BOTHY_TRY(value.read_number("deadline", scheduler.deadline));
  return value.read_number("period", scheduler.period);
}

Result<void> read_io_priority(const SpecValue& value, std::optional<IoPriority>& into) {
  IoPriority& priority = into.emplace();
  BOTHY_TRY(value.require("class"));
  BOTHY_TRY(value.read_word("class", priority.io_class, kIoClasses, "class"));
  BOTHY_TRY(value.require("priority"));
  return value.read_number("priority", priority.priority, 0U, kMaxIoPriority);
}

Result<void> read_affinity(const SpecValue& value, std::string& processors) {
  BOTHY_TRY(value.read("initial", processors));
  if (processors.empty()) {
    BOTHY_TRY(value.read("final", processors));
  }
  if (!processors.empty()) {
    return value.wrong("not supported; set linux.resources.cpu.cpus");
  }
  return success();
}

}  // namespace

Result<void> read_scheduling(const SpecValue& value, Process& process) {
  BOTHY_TRY(value.read_with("scheduler", process.scheduler, read_scheduler));
  BOTHY_TRY(value.read_with("ioPriority", process.io_priority, read_io_priority));
  std::string processors;
  return value.read_with("execCPUAffinity", processors, read_affinity);
}

}  // namespace bothy::container
