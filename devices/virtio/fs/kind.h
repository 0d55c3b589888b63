// --fs TAG=DIR[,ro]
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "base/result.h"
#include "devices/virtio/device_kind.h"
#include "devices/virtio/fs/fs.h"

namespace bothy {

// Also tag=TAG,directory=DIR[,ro], as a machine file's object becomes.
[[nodiscard]] Result<virtio::FsConfig> parse_share(std::string_view text);
// As a machine file has it.
[[nodiscard]] boost::json::object describe(const virtio::FsConfig& share);

[[nodiscard]] const DeviceKind& fs_kind() noexcept;
[[nodiscard]] DeviceConfig device_config(virtio::FsConfig share);

}  // namespace bothy
