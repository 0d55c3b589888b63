// --balloon [size=SIZE][,deflate-on-oom][,free-page-reporting][,stats=SECONDS]
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "base/result.h"
#include "devices/virtio/balloon/balloon.h"
#include "devices/virtio/device_kind.h"

namespace bothy {

[[nodiscard]] Result<virtio::BalloonConfig> parse_balloon(std::string_view text);
// As a machine file has it.
[[nodiscard]] boost::json::object describe(const virtio::BalloonConfig& config);
// As the control socket shows it: amounts are bytes.
[[nodiscard]] boost::json::object describe(const virtio::BalloonStatus& status);

[[nodiscard]] const DeviceKind& balloon_kind() noexcept;
[[nodiscard]] DeviceConfig device_config(const virtio::BalloonConfig& config);

}  // namespace bothy
