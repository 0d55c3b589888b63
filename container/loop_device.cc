#include "container/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "base/files.h"

namespace bothy::container {
namespace {

// Other processes may take the device that the kernel calls free: each attempt fails only because
// another one has succeeded.
constexpr int kMaxAttempts = 2000;
constexpr std::chrono::milliseconds kPause{1};

// Nothing when another process has taken the device.
Result<std::optional<LoopDevice>> take(int number, int file, bool read_only) {
  LoopDevice device;
  device.path = fmt::format("/dev/loop{}", number);
  const int mode = read_only ? O_RDONLY : O_RDWR;
  BOTHY_TRY(device.fd, open_file(device.path, mode));
  loop_config config{};
  config.fd = static_cast<__u32>(file);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
  if (::ioctl(device.fd.get(), LOOP_CONFIGURE, &config) == 0) {
    return device;
  }
  if (errno != EBUSY) {
    return errno_error("can't set up the loop device '" + device.path + "'");
  }
  return std::nullopt;
}

}  // namespace

Result<LoopDevice> make_loop_device(int file, bool read_only) {
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control && (errno == ENOENT || errno == ENXIO || errno == ENODEV)) {
    return make_error(ErrorCode::kUnsupported,
                      "this host's kernel has no loop devices: 'modprobe loop' as root");
  }
  if (!control) {
    return errno_error("can't open '/dev/loop-control'");
  }
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) {
      return errno_error("can't get a free loop device");
    }
    BOTHY_TRY(auto device, take(number, file, read_only));
    if (device) {
      return std::move(*device);
    }
    std::this_thread::sleep_for(kPause);
  }
  return make_error(ErrorCode::kBusy, "can't get a free loop device: other processes take them");
}

}  // namespace bothy::container
