// The configuration of a microVM that runs an instance: that of bothy-init, and the machine's.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "guest/embed/config_writer.h"
#include "run/instance.h"
#include "run/run_options.h"
#include "run/run_spec.h"
#include "run/vm/guest_parts.h"
#include "vmm/machine/machine_config.h"

namespace bothy::run {

// Records of agent::kArgument and below. The process's streams carry the token.
[[nodiscard]] guest::ConfigWriter process_records(const ProcessSpec& process, std::uint64_t token,
                                                  const std::vector<Rlimit>& rlimits);

// The whole of agent::kConfigPath. `modules` are file names in agent::kModulesPath.
[[nodiscard]] std::string guest_config(const RunOptions& options, const ProcessSpec& process,
                                       std::uint64_t token, const std::vector<std::string>& modules,
                                       const GuestParts& parts);

// The limit of a flag, --network-rx-bps or --network-tx-bps, in bytes a second; 0 without one.
// kInvalid, with the flag's name, for anything else, and with a guest without a network.
[[nodiscard]] Result<std::uint64_t> network_rate(const RunOptions& options, std::string_view flag);

// The path of the machine's vsock device.
[[nodiscard]] std::string vsock_path(const Instance& instance);

// All but the initramfs. The options are valid. `kernel` is an absolute path.
[[nodiscard]] MachineConfig machine_config(const RunOptions& options, const std::string& kernel,
                                           const GuestParts& parts, const Instance& instance);

}  // namespace bothy::run
