#include "vmm/boot/image/image_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace bothy::boot {
namespace {

std::string_view file_type(mode_t mode) noexcept {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return "a directory";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    case S_IFCHR:
    case S_IFBLK:
      return "a device";
    default:
      return "not a regular file";
  }
}

}  // namespace

Result<ImageFile> ImageFile::open(const std::string& path, std::string_view role) {
  std::string name = fmt::format("{} {}", role, path);
  // A path cut short at a NUL would name another file.
  if (path.empty() || path.find('\0') != std::string::npos) {
    return make_error(ErrorCode::kInvalid, "invalid path of the {}: it is empty or contains a NUL",
                      role);
  }
  // O_NONBLOCK: opening a FIFO must not wait for its writer. It changes nothing for a regular file.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    return errno_error(fmt::format("can't open {}", name));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return errno_error(fmt::format("can't get the status of {}", name));
  }
  if (!S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kBadInput, "{} is {}; give a regular file", name,
                      file_type(status.st_mode));
  }
  if (status.st_size <= 0) {
    return make_error(ErrorCode::kBadInput, "{} is empty; get the file again", name);
  }
  return ImageFile(std::move(fd), std::move(name), static_cast<std::uint64_t>(status.st_size));
}

Result<void> ImageFile::check_range(std::uint64_t offset, std::uint64_t size) const {
  if (offset > size_ || size > size_ - offset) {
    return make_error(ErrorCode::kBadInput,
                      "{} is truncated: it has {} bytes instead of at least {}; get the file again",
                      name_, size_, offset + size);
  }
  return success();
}

Result<void> ImageFile::read_over_zeros(std::uint64_t offset, std::span<std::byte> to) const {
  BOTHY_TRY(check_range(offset, to.size()));
  while (!to.empty()) {
    const off_t end = static_cast<off_t>(offset + to.size());
    const off_t data = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (data < 0 && errno != ENXIO) {
      return read(offset, to);  // a file system without holes
    }
    if (data < 0 || data >= end) {
      return success();
    }
    const off_t next_hole = ::lseek(fd_.get(), data, SEEK_HOLE);
    const off_t stop = next_hole > data ? std::min(next_hole, end) : end;
    const auto start = static_cast<std::uint64_t>(data);
    const auto length = static_cast<std::size_t>(stop - data);
    BOTHY_TRY(read(start, to.subspan(static_cast<std::size_t>(start - offset), length)));
    to = to.subspan(static_cast<std::size_t>(start - offset) + length);
    offset = start + length;
  }
  return success();
}

Result<void> ImageFile::read(std::uint64_t offset, std::span<std::byte> to) const {
  BOTHY_TRY(check_range(offset, to.size()));
  while (!to.empty()) {
    const auto count = ::pread(fd_.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) {
        continue;
      }
      return errno_error(fmt::format("can't read {}", name_));
    }
    if (count == 0) {
      return make_error(ErrorCode::kBadInput,
                        "{} was truncated while it was read; try again once it is complete", name_);
    }
    to = to.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return success();
}

Result<std::vector<std::byte>> ImageFile::head(std::size_t size) const {
  std::vector<std::byte> bytes(
      static_cast<std::size_t>(std::min(static_cast<std::uint64_t>(size), size_)));
  BOTHY_TRY(read(0, bytes));
  return bytes;
}

}  // namespace bothy::boot
