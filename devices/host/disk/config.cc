#include "devices/host/disk/config.h"

#include <algorithm>

namespace bothy {

Result<void> validate(const DiskConfig& config) {
  if (config.queues == 0 || config.queues > DiskConfig::kMaxQueues) {
    return make_error(ErrorCode::kInvalid,
                      "disk '{}': invalid number of queues {}: expected 1 to {}", config.path,
                      config.queues, DiskConfig::kMaxQueues);
  }
  if (config.id.size() > DiskConfig::kMaxId ||
      !std::ranges::all_of(config.id, [](char c) { return c > ' ' && c <= '~'; })) {
    return make_error(
        ErrorCode::kInvalid,
        "disk '{}': invalid id: expected up to {} printable characters without spaces", config.path,
        DiskConfig::kMaxId);
  }
  return success();
}

}  // namespace bothy
