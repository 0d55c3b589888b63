// DiskConfig: what a user can choose about a disk, as a plain struct.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "devices/host/rate_limiter.h"

namespace bothy {

enum class DiskCache {
  kWriteback,  // what the guest flushes is on stable storage when its flush is done
  kUnsafe,     // flushes are ignored: fast, and lost when the host goes down
};

struct DiskConfig {
  static constexpr std::uint16_t kMaxQueues = 16;
  static constexpr std::size_t kMaxId = 20;  // bytes (virtio 1.2, 5.2.6, GET_ID)

  std::string path;  // a raw file or a block device
  std::string id{};  // the disk's serial number, printable, up to kMaxId characters
  bool read_only = false;
  bool direct = false;  // O_DIRECT: past the host's page cache
  bool raw = false;     // a raw disk whatever it looks like: don't refuse what looks like qcow2
  DiskCache cache = DiskCache::kWriteback;
  RateLimit limit{};         // of all queues together
  std::uint16_t queues = 1;  // 1 to kMaxQueues, a thread each
};

// Ranges of single fields.
[[nodiscard]] Result<void> validate(const DiskConfig& config);

}  // namespace bothy
