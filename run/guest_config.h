// What an instance of a microVM is told: bothy-init's configuration, and its machine.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "guest/embed/config_writer.h"
#include "run/instance.h"
#include "run/run_options.h"
#include "run/run_spec.h"
#include "vmm/machine/machine_config.h"

namespace bothy::run {

// Records of agent::kArgument and below.
[[nodiscard]] guest::ConfigWriter process_records(const ProcessSpec& process,
                                                  const std::vector<Rlimit>& rlimits);

// The whole of agent::kConfigPath. `modules` are file names in agent::kModulesPath.
[[nodiscard]] std::string guest_config(const RunOptions& options, const ProcessSpec& process,
                                       const std::vector<std::string>& modules);

// All but the kernel's initramfs; the options name a kernel.
[[nodiscard]] MachineConfig machine_config(const RunOptions& options, const std::string& disk,
                                           const Instance& instance);

// bothy's own kernel: $BOTHY_KERNEL, where it was built beside this program, or where it was
// installed. kNotFound, with what to do, when there is none.
[[nodiscard]] Result<std::string> find_kernel();

}  // namespace bothy::run
