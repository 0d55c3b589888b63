// What the commands for instances do: exec, attach, ps, logs, inspect, stats, wait, stop, kill, rm.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "run/instance.h"
#include "run/instances.h"
#include "run/run_options.h"

namespace bothy {

// The flags and operands of a command.
struct InstanceFlags {
  std::vector<std::string> operands;
  run::ProcessOptions process;
  std::vector<std::string> environment;
  std::string signal = "KILL";
  std::optional<std::uint32_t> timeout;  // seconds
  bool all = false;
  bool detach = false;
  bool follow = false;
  bool force = false;
  bool json = false;
  bool no_stdin = false;
  bool quiet = false;
  bool timestamps = false;
};

// Each gives the exit status of the program.
[[nodiscard]] Result<int> exec(const InstanceFlags& flags, const run::Instances& instances);
[[nodiscard]] Result<int> attach(const InstanceFlags& flags, const run::Instances& instances);
[[nodiscard]] Result<int> list(const InstanceFlags& flags, const run::Instances& instances);
[[nodiscard]] Result<int> logs(const InstanceFlags& flags, const run::Instances& instances);
[[nodiscard]] Result<int> inspect(const InstanceFlags& flags, const run::Instances& instances);
[[nodiscard]] Result<int> statistics(const InstanceFlags& flags, const run::Instances& instances);
[[nodiscard]] Result<int> wait(const InstanceFlags& flags, const run::Instances& instances);

using InstanceAction =
    std::function<Result<void>(const InstanceFlags&, const run::Instances&, const run::Instance&)>;
// Does `action` for each instance that the operands name, and prints its name; a failure is
// reported, and the others follow. Status 1 when one failed.
[[nodiscard]] Result<int> for_each_instance(const InstanceFlags& flags,
                                            const run::Instances& instances,
                                            const InstanceAction& action);
[[nodiscard]] Result<void> stop_instance(const InstanceFlags& flags,
                                         const run::Instances& instances,
                                         const run::Instance& instance);
[[nodiscard]] Result<void> kill_instance(const InstanceFlags& flags,
                                         const run::Instances& instances,
                                         const run::Instance& instance);
[[nodiscard]] Result<void> remove_instance(const InstanceFlags& flags,
                                           const run::Instances& instances,
                                           const run::Instance& instance);

}  // namespace bothy
