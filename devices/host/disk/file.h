// DiskFile: the file or block device behind a disk, opened, checked and locked.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "devices/host/disk/config.h"

namespace bothy {

// How the host would like a disk to be used. Sizes in bytes.
struct DiskGeometry {
  std::uint32_t logical_block = 512;      // a power of two, at least 512
  std::uint32_t physical_block = 512;     // likewise, at least logical_block
  std::uint32_t alignment_offset = 0;     // of the first aligned physical block
  std::uint32_t minimum_io = 0;           // at least a physical block
  std::uint32_t optimal_io = 0;           // 0: not known
  std::uint32_t discard_granularity = 0;  // 0: blocks can't be given back
  // What O_DIRECT wants of offsets and lengths, and of addresses in memory: 1 without it.
  std::uint32_t direct_block = 1;
  std::uint32_t direct_memory = 1;
};

// Move-only. Any thread may call what is const.
class DiskFile {
 public:
  static constexpr std::uint64_t kSector = 512;

  // Opens and locks it. Refuses what isn't raw, what another program holds, and what can't be a
  // disk: each in a sentence that says what to do.
  [[nodiscard]] static Result<DiskFile> open(const DiskConfig& config);

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool is_block_device() const noexcept { return block_device_; }
  [[nodiscard]] const DiskGeometry& geometry() const noexcept { return geometry_; }

  // Its length in bytes now, whole or not in sectors.
  [[nodiscard]] Result<std::uint64_t> length() const;

 private:
  DiskFile(UniqueFd fd, std::string path, bool block_device) noexcept
      : fd_(std::move(fd)), path_(std::move(path)), block_device_(block_device) {}

  [[nodiscard]] Result<void> refuse_other_formats() const;
  [[nodiscard]] Result<void> learn_geometry(bool direct);

  UniqueFd fd_;
  std::string path_;
  bool block_device_ = false;
  DiskGeometry geometry_;
};

}  // namespace bothy
