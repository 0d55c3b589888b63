// --fs TAG=DIR[,ro]
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "devices/virtio/fs/fs.h"

namespace bothy {

// Also tag=TAG,directory=DIR[,ro], as a machine file's object becomes.
[[nodiscard]] Result<virtio::FsConfig> parse_share(std::string_view text);
// Texts that parse, every one.
[[nodiscard]] std::vector<virtio::FsConfig> parse_shares(const std::vector<std::string>& texts);
// As a machine file has them.
[[nodiscard]] boost::json::array describe(const std::vector<virtio::FsConfig>& shares);

}  // namespace bothy
