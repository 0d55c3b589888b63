#include "devices/host/disk/file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>

#include "devices/host/disk/format.h"
#include "devices/host/disk/lock.h"

namespace bothy {
namespace {

constexpr std::uint32_t kPage = 4096;

// `value` where it is a power of two from `minimum` to 1 MiB, otherwise `minimum`.
std::uint32_t power_of_two(std::uint64_t value, std::uint32_t minimum) noexcept {
  return std::has_single_bit(value) && value >= minimum && value <= (1U << 20U)
             ? static_cast<std::uint32_t>(value)
             : minimum;
}

Error open_error(const DiskConfig& config) {
  const int error = errno;
  const std::string what = fmt::format("can't open disk '{}'", config.path);
  if (error == EBUSY) {
    return make_error(
        ErrorCode::kBusy,
        "disk '{}' is in use, mounted on the host or opened by another program: release "
        "it first, or open it read-only (,ro)",
        config.path);
  }
  if (error == EINVAL && config.direct) {
    return make_error(ErrorCode::kUnsupported,
                      "disk '{}' is on a file system without direct I/O: remove 'direct'",
                      config.path);
  }
  if ((error == EACCES || error == EROFS || error == EPERM) && !config.read_only) {
    return make_error(ErrorCode::kPermission, "{}: {} (read-only access may work: ,ro)", what,
                      std::strerror(error));
  }
  return errno_error(what, error);
}

Result<UniqueFd> open_disk(const DiskConfig& config, bool exclusive) {
  const int flags = (config.read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK |
                    (config.direct ? O_DIRECT : 0) | (exclusive ? O_EXCL : 0);
  UniqueFd fd(::open(config.path.c_str(), flags));
  if (!fd) {
    return open_error(config);
  }
  return fd;
}

// A number from a block device's directory in sysfs, or 0.
std::uint64_t queue_attribute(dev_t device, const char* name) {
  // A partition has no queue directory of its own; its disk's is one level up.
  for (const char* format : {"/sys/dev/block/{}:{}/queue/{}", "/sys/dev/block/{}:{}/../queue/{}"}) {
    const UniqueFd fd(
        ::open(fmt::format(fmt::runtime(format), major(device), minor(device), name).c_str(),
               O_RDONLY | O_CLOEXEC));
    std::array<char, 32> text{};
    if (fd && ::read(fd.get(), text.data(), text.size() - 1) > 0) {
      return std::strtoull(text.data(), nullptr, 10);
    }
  }
  return 0;
}

DiskGeometry device_geometry(int fd, dev_t device) {
  DiskGeometry geometry;
  int logical = 0;
  unsigned physical = 0;
  unsigned minimum = 0;
  unsigned optimal = 0;
  int offset = 0;
  if (::ioctl(fd, BLKSSZGET, &logical) == 0) {
    geometry.logical_block = power_of_two(static_cast<std::uint64_t>(logical), 512);
  }
  geometry.physical_block = geometry.logical_block;
  if (::ioctl(fd, BLKPBSZGET, &physical) == 0) {
    geometry.physical_block = power_of_two(physical, geometry.logical_block);
  }
  if (::ioctl(fd, BLKALIGNOFF, &offset) == 0 && offset > 0) {
    geometry.alignment_offset = static_cast<std::uint32_t>(offset);
  }
  if (::ioctl(fd, BLKIOMIN, &minimum) == 0) {
    geometry.minimum_io = minimum;
  }
  if (::ioctl(fd, BLKIOOPT, &optimal) == 0) {
    geometry.optimal_io = optimal;
  }
  if (queue_attribute(device, "discard_max_bytes") != 0) {
    geometry.discard_granularity =
        power_of_two(queue_attribute(device, "discard_granularity"), geometry.logical_block);
  }
  return geometry;
}

DiskGeometry file_geometry(const struct stat& status) {
  DiskGeometry geometry;
  geometry.physical_block = power_of_two(static_cast<std::uint64_t>(status.st_blksize), kPage);
  geometry.discard_granularity = geometry.physical_block;
  return geometry;
}

// Whether O_DIRECT accepts reads of this block size.
bool reads_in_blocks(int fd, std::uint32_t block) {
  const std::unique_ptr<void, decltype(&std::free)> buffer(std::aligned_alloc(kPage, kPage),
                                                           &std::free);
  return buffer && ::pread(fd, buffer.get(), block, 0) >= 0;
}

void learn_direct_alignment(int fd, DiskGeometry& geometry) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
      (status.stx_mask & STATX_DIOALIGN) != 0 && status.stx_dio_offset_align != 0) {
    geometry.direct_block = power_of_two(status.stx_dio_offset_align, 512);
    geometry.direct_memory = power_of_two(status.stx_dio_mem_align, 1);
    return;
  }
  // Linux before 6.1, and file systems without STATX_DIOALIGN.
  geometry.direct_block = reads_in_blocks(fd, 512) ? 512 : kPage;
  geometry.direct_memory = kPage;
}

}  // namespace

Result<DiskFile> DiskFile::open(const DiskConfig& config) {
  BOTHY_TRY(UniqueFd fd, open_disk(config, false));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    return errno_error(fmt::format("can't stat disk '{}'", config.path));
  }
  const bool block_device = S_ISBLK(status.st_mode);
  if (!block_device && !S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kInvalid, "disk '{}' is neither a file nor a block device",
                      config.path);
  }
  if (block_device && !config.read_only) {
    // O_EXCL without O_CREAT: EBUSY when the host uses the device, by a mount for example.
    BOTHY_TRY(fd, open_disk(config, true));
  }
  // O_NONBLOCK was for open(2) alone, which waits for the other end of a FIFO.
  static_cast<void>(::fcntl(fd.get(), F_SETFL, config.direct ? O_DIRECT : 0));
  DiskFile file(std::move(fd), config.path, block_device);
  BOTHY_TRY(lock_disk(file.fd(), config.path, !config.read_only));
  BOTHY_TRY(file.learn_geometry(config.direct));
  if (!config.raw) {
    BOTHY_TRY(file.refuse_other_formats());
  }
  return file;
}

DiskFile::~DiskFile() {
  if (fd_) {
    unlock_disk(fd_.get());
  }
}

Result<std::uint64_t> DiskFile::length() const {
  // fstat(2) gives no length for a block device.
  const off_t end = ::lseek(fd(), 0, SEEK_END);
  if (end < 0) {
    return errno_error(fmt::format("can't determine the size of disk '{}'", path_));
  }
  return static_cast<std::uint64_t>(end);
}

Result<void> DiskFile::refuse_other_formats() const {
  const UniqueFd buffered(
      ::open(fmt::format("/proc/self/fd/{}", fd()).c_str(), O_RDONLY | O_CLOEXEC));
  BOTHY_TRY(const std::uint64_t end, length());
  std::array<std::byte, kDiskFormatHead> head{};
  std::array<std::byte, kDiskFormatTail> tail{};
  const ssize_t first = ::pread(buffered.get(), head.data(), head.size(), 0);
  const ssize_t last = ::pread(buffered.get(), tail.data(), tail.size(),
                               static_cast<off_t>(end - std::min<std::uint64_t>(end, tail.size())));
  if (first < 0 || last < 0) {
    return errno_error(fmt::format("can't read disk '{}'", path_));
  }
  const DiskFormat* format =
      recognise_disk_format(std::span(head).first(static_cast<std::size_t>(first)),
                            std::span(tail).first(static_cast<std::size_t>(last)));
  if (format == nullptr) {
    return success();
  }
  return make_error(ErrorCode::kBadInput,
                    "disk '{0}' is a {1} image, and only raw images are supported: convert it with "
                    "'qemu-img convert -f {2} -O raw {0} {0}.raw' (or add ,format=raw if the "
                    "content is raw and only resembles {1})",
                    path_, format->title, format->name);
}

Result<void> DiskFile::learn_geometry(bool direct) {
  struct stat status {};
  if (::fstat(fd(), &status) != 0) {
    return errno_error(fmt::format("can't stat disk '{}'", path_));
  }
  geometry_ = block_device_ ? device_geometry(fd(), status.st_rdev) : file_geometry(status);
  if (direct) {
    learn_direct_alignment(fd(), geometry_);
    geometry_.logical_block = std::max(geometry_.logical_block, geometry_.direct_block);
    geometry_.physical_block = std::max(geometry_.physical_block, geometry_.logical_block);
  }
  geometry_.minimum_io = std::max(geometry_.minimum_io, geometry_.physical_block);
  return success();
}

}  // namespace bothy
