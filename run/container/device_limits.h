// Limits on block devices: --device-read-bps and its like.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "container/resources.h"
#include "run/run_options.h"

namespace bothy::run {

// A limit as its flag has it.
struct DeviceLimit {
  enum class Kind { kReadBytes, kWriteBytes, kReadOperations, kWriteOperations };

  Kind kind = Kind::kReadBytes;
  std::string path;         // absolute, of a block device of the host
  std::uint64_t value = 0;  // bytes or operations a second
};

// PATH:RATE of each of the flags. kInvalid, with the flag's name, for anything else.
[[nodiscard]] Result<std::vector<DeviceLimit>> parse_device_limits(const RunOptions& options);

// The limits as a cgroup has them. kNotFound for a path that doesn't exist, kInvalid for one that
// is no block device.
[[nodiscard]] Result<container::Resources> find_device_limits(
    const std::vector<DeviceLimit>& limits);

}  // namespace bothy::run
