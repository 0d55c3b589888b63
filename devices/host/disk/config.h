// DiskConfig: the configuration of a disk.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "devices/host/rate_limiter.h"

namespace bothy {

enum class DiskCache {
  kWriteback,  // data is on stable storage once the guest's flush has completed
  kUnsafe,     // flushes are ignored: fast, but data is lost when the host crashes
};

struct DiskConfig {
  static constexpr std::uint16_t kMaxQueues = 16;
  static constexpr std::size_t kMaxId = 20;  // bytes (virtio 1.2, 5.2.6, GET_ID)

  std::string path;  // a raw file or a block device
  std::string id{};  // the disk's serial number, printable, up to kMaxId characters
  bool read_only = false;
  bool direct = false;  // O_DIRECT: bypass the host's page cache
  bool raw = false;     // a raw disk, even if its content looks like another format
  DiskCache cache = DiskCache::kWriteback;
  RateLimit limit{};         // of all queues together
  std::uint16_t queues = 1;  // 1 to kMaxQueues, a thread each
};

// Ranges of single fields.
[[nodiscard]] Result<void> validate(const DiskConfig& config);

}  // namespace bothy
