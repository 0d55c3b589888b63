// --disk PATH[,ro][,id=NAME][,direct][,cache=writeback|unsafe][,iops=N][,bps=SIZE][,queues=N]
//        [,format=raw]
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "devices/host/disk/config.h"

namespace bothy {

[[nodiscard]] Result<DiskConfig> parse_disk(std::string_view text);
// All disks of a machine, by their flags, which must parse. A disk without an id gets "disk" and
// its number from 0.
[[nodiscard]] std::vector<DiskConfig> parse_disks(const std::vector<std::string>& texts);
// As a machine file has them.
[[nodiscard]] boost::json::array describe(const std::vector<DiskConfig>& disks);

}  // namespace bothy
