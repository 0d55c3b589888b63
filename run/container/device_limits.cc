#include "run/container/device_limits.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <array>
#include <charconv>

#include "base/files.h"
#include "base/units.h"
#include "run/container/container_flags.h"

namespace bothy::run {
namespace {

using Kind = DeviceLimit::Kind;

struct LimitFlag {
  std::string_view name;
  Kind kind;
};
constexpr std::array kLimits{
    LimitFlag{kDeviceReadBps, Kind::kReadBytes},
    LimitFlag{kDeviceWriteBps, Kind::kWriteBytes},
    LimitFlag{kDeviceReadIops, Kind::kReadOperations},
    LimitFlag{kDeviceWriteIops, Kind::kWriteOperations},
};

bool counts_bytes(Kind kind) noexcept {
  return kind == Kind::kReadBytes || kind == Kind::kWriteBytes;
}

Result<std::uint64_t> parse_rate(Kind kind, std::string_view text) {
  if (counts_bytes(kind)) {
    return parse_size(text);
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return make_error(ErrorCode::kInvalid, "not a number");
  }
  return value;
}

Result<DeviceLimit> parse_limit(const LimitFlag& flag, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  DeviceLimit limit{flag.kind, text.substr(0, colon), 0};
  const auto rate =
      parse_rate(flag.kind, colon == std::string::npos ? std::string_view()
                                                       : std::string_view(text).substr(colon + 1));
  if (!limit.path.starts_with('/') || !rate || rate.value() == 0) {
    return make_error(ErrorCode::kInvalid,
                      "{}: invalid value '{}': expected PATH:RATE, a block device of the host and "
                      "{} a second, such as /dev/sda:{}",
                      flag.name, printable(text), counts_bytes(flag.kind) ? "bytes" : "operations",
                      counts_bytes(flag.kind) ? "10M" : "1000");
  }
  limit.value = rate.value();
  return limit;
}

std::vector<container::BlockLimit>& list_of(container::Resources& resources, Kind kind) noexcept {
  switch (kind) {
    case Kind::kReadBytes:
      return resources.read_bytes;
    case Kind::kWriteBytes:
      return resources.write_bytes;
    case Kind::kReadOperations:
      return resources.read_operations;
    case Kind::kWriteOperations:
      break;
  }
  return resources.write_operations;
}

}  // namespace

Result<std::vector<DeviceLimit>> parse_device_limits(const RunOptions& options) {
  std::vector<DeviceLimit> limits;
  for (const LimitFlag& flag : kLimits) {
    for (const std::string& text : options.isolation_values(flag.name)) {
      BOTHY_TRY(DeviceLimit limit, parse_limit(flag, text));
      limits.push_back(std::move(limit));
    }
  }
  return limits;
}

Result<container::Resources> find_device_limits(const std::vector<DeviceLimit>& limits) {
  container::Resources resources;
  for (const DeviceLimit& limit : limits) {
    struct stat status {};
    if (::stat(limit.path.c_str(), &status) != 0) {
      return errno_error("can't limit the device '" + printable(limit.path) + "'");
    }
    if (!S_ISBLK(status.st_mode)) {
      return make_error(ErrorCode::kInvalid, "can't limit '{}': it is no block device of the host",
                        printable(limit.path));
    }
    list_of(resources, limit.kind)
        .push_back({::major(status.st_rdev), ::minor(status.st_rdev), limit.value});
  }
  return resources;
}

}  // namespace bothy::run
