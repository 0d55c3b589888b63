// --net tap[=NAME] | user | fd=N, and the keys of each.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "devices/host/net/config.h"
#include "devices/virtio/device_kind.h"

namespace bothy {

// A device without mac= gets a random address.
[[nodiscard]] Result<NetConfig> parse_net(std::string_view text);
// As a machine file has it.
[[nodiscard]] boost::json::object describe(const NetConfig& net);
// "02:00:00:00:00:01"
[[nodiscard]] std::string format_mac(const MacAddress& mac);

[[nodiscard]] const DeviceKind& net_kind() noexcept;
[[nodiscard]] DeviceConfig device_config(NetConfig net);

}  // namespace bothy
