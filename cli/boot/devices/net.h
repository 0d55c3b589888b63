// --net tap[=NAME] | user | fd=N, and what each is like.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "devices/host/net/config.h"

namespace bothy {

// One without mac= gets a random one.
[[nodiscard]] Result<NetConfig> parse_net(std::string_view text);
// Texts that parse, every one.
[[nodiscard]] std::vector<NetConfig> parse_nets(const std::vector<std::string>& texts);
// As a machine file has them.
[[nodiscard]] boost::json::array describe(const std::vector<NetConfig>& nets);
// "02:00:00:00:00:01"
[[nodiscard]] std::string format_mac(const MacAddress& mac);

}  // namespace bothy
