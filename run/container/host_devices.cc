#include "run/container/host_devices.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "base/files.h"

namespace bothy::run {
namespace {

namespace fs = std::filesystem;

// What a container's /dev has of its own (config-linux.md, Default Devices).
constexpr std::array kOwn{"console", "fd",     "full",   "mqueue",  "null",
                          "ptmx",    "pts",    "random", "shm",     "stderr",
                          "stdin",   "stdout", "tty",    "urandom", "zero"};

std::optional<HostDevice> look_at(const std::string& host, const std::string& container,
                                  const DeviceFlag& flag) {
  struct stat status {};
  if (::stat(host.c_str(), &status) != 0 ||
      (!S_ISCHR(status.st_mode) && !S_ISBLK(status.st_mode))) {
    return std::nullopt;
  }
  HostDevice device;
  device.host = host;
  device.container = container;
  device.type = S_ISCHR(status.st_mode) ? 'c' : 'b';
  device.major = ::major(status.st_rdev);
  device.minor = ::minor(status.st_rdev);
  device.mode = status.st_mode & 0777U;
  device.flag = flag;
  return device;
}

void add_below(const DeviceFlag& flag, std::vector<HostDevice>& devices) {
  std::error_code error;
  fs::recursive_directory_iterator entry(flag.host, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string host = entry->path().string();
    if (auto device = look_at(host, flag.container + host.substr(flag.host.size()), flag);
        device && !entry->is_symlink(error)) {
      devices.push_back(std::move(*device));
    }
  }
}

}  // namespace

Result<std::vector<HostDevice>> find_devices(const DeviceFlag& flag) {
  std::vector<HostDevice> devices;
  std::error_code error;
  const fs::file_status status = fs::status(flag.host, error);
  if (!fs::exists(status)) {
    return make_error(ErrorCode::kNotFound, "--device: can't find '{}': {}", printable(flag.host),
                      error ? error.message() : "No such file or directory");
  }
  if (fs::is_directory(status)) {
    add_below(flag, devices);
  } else if (auto device = look_at(flag.host, flag.container, flag)) {
    devices.push_back(std::move(*device));
  }
  if (devices.empty()) {
    return make_error(ErrorCode::kInvalid, "--device: '{}' is no device and has none in it",
                      printable(flag.host));
  }
  return devices;
}

std::vector<HostDevice> all_devices() {
  std::vector<HostDevice> devices;
  const auto names = list_directory("/dev");
  for (const std::string& name : names ? names.value() : std::vector<std::string>()) {
    if (std::ranges::count(kOwn, name) != 0 || name.starts_with("tty")) {
      continue;
    }
    const DeviceFlag flag{"/dev/" + name, "/dev/" + name};
    if (auto found = find_devices(flag)) {
      std::ranges::move(found.value(), std::back_inserter(devices));
    }
  }
  return devices;
}

}  // namespace bothy::run
