// DiskFile: the file or block device behind a disk, opened, checked and locked.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "devices/host/disk/config.h"

namespace bothy {

// Preferred I/O sizes of a disk, in bytes.
struct DiskGeometry {
  std::uint32_t logical_block = 512;      // a power of two, at least 512
  std::uint32_t physical_block = 512;     // likewise, at least logical_block
  std::uint32_t alignment_offset = 0;     // of the first aligned physical block
  std::uint32_t minimum_io = 0;           // at least a physical block
  std::uint32_t optimal_io = 0;           // 0: not known
  std::uint32_t discard_granularity = 0;  // 0: no discard
  // The alignment of offsets and lengths, and of memory, that O_DIRECT needs; 1 without O_DIRECT.
  std::uint32_t direct_block = 1;
  std::uint32_t direct_memory = 1;
};

// Move-only. Any thread may call const functions.
class DiskFile {
 public:
  static constexpr std::uint64_t kSector = 512;

  // Opens and locks the file. kBadInput for formats other than raw, kBusy when another program has
  // the disk, kInvalid for another type of file; errors include the remedy.
  [[nodiscard]] static Result<DiskFile> open(const DiskConfig& config);
  DiskFile(DiskFile&&) noexcept = default;
  DiskFile& operator=(DiskFile&&) = delete;
  // Unlocks the file.
  ~DiskFile();

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] bool is_block_device() const noexcept { return block_device_; }
  [[nodiscard]] const DiskGeometry& geometry() const noexcept { return geometry_; }

  // The current length in bytes, not necessarily a multiple of a sector.
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
