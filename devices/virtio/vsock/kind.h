// --vsock PATH[,cid=N]
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "base/result.h"
#include "devices/virtio/device_kind.h"
#include "devices/virtio/vsock/vsock.h"

namespace bothy {

[[nodiscard]] Result<virtio::VsockConfig> parse_vsock(std::string_view text);
// As a machine file has it.
[[nodiscard]] boost::json::object describe(const virtio::VsockConfig& config);

[[nodiscard]] const DeviceKind& vsock_kind() noexcept;
[[nodiscard]] DeviceConfig device_config(virtio::VsockConfig config);

}  // namespace bothy
