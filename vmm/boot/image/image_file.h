// ImageFile: a kernel or initrd file, opened without trusting it.
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

// Move-only. The file's size is read once, at opening: a write to the file meanwhile can make a
// read fail or change the content, never lead a read past what was checked.
class ImageFile {
 public:
  // `role` is the file's purpose, for errors: "kernel", "initrd". Fails for anything but a regular,
  // non-empty file, and never blocks on a FIFO.
  [[nodiscard]] static Result<ImageFile> open(const std::string& path, std::string_view role);

  // The name for errors: "kernel /boot/vmlinuz".
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  // Fills all of `to` from `offset`.
  [[nodiscard]] Result<void> read(std::uint64_t offset, std::span<std::byte> to) const;
  // The same for memory that is all zeros: leaves it untouched where the file has holes. A kernel's
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
