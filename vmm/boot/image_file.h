// ImageFile: a kernel or initrd file that somebody named, opened without trusting it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::boot {

// Move-only. The file's size is taken once, at opening; whoever writes to the file meanwhile can
// only make a read fail, or its content differ, never make us read past what was checked.
class ImageFile {
 public:
  // `role` is what the user gave it as: "kernel", "initrd". Refuses whatever isn't a regular,
  // non-empty file, and never blocks on a FIFO.
  [[nodiscard]] static Result<ImageFile> open(const std::string& path, std::string_view role);

  // How an error names it: "kernel /boot/vmlinuz".
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  // Fills `to` from `offset`, straight from the page cache; all of it or an error.
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::span<std::byte> to) const;
  // The same, of memory that is all zeros: what the file has holes for is not touched. A kernel's
  // sections lie megabytes apart.
  [[nodiscard]] Result<void> read_over_zeros(std::uint64_t offset, std::span<std::byte> to) const;
  // The file's first bytes: `size` of them, or fewer when the file is shorter.
  [[nodiscard]] Result<std::vector<std::byte>> head(std::size_t size) const;

 private:
  [[nodiscard]] Result<void> check_range(std::uint64_t offset, std::uint64_t size) const;

  ImageFile(UniqueFd fd, std::string name, std::uint64_t size) noexcept
      : fd_(std::move(fd)), name_(std::move(name)), size_(size) {}

  UniqueFd fd_;
  std::string name_;
  std::uint64_t size_ = 0;
};

}  // namespace bothy::boot
