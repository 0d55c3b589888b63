// --disk PATH[,ro][,id=NAME][,direct][,cache=writeback|unsafe][,iops=N][,bps=SIZE][,queues=N]
//        [,format=raw]
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

#include "base/result.h"
#include "devices/host/disk/config.h"
#include "devices/virtio/device_kind.h"

namespace bothy {

// A disk without an id gets "disk" and `index`.
[[nodiscard]] Result<DiskConfig> parse_disk(std::string_view text, std::size_t index = 0);
// As a machine file has it.
[[nodiscard]] boost::json::object describe(const DiskConfig& disk);

[[nodiscard]] const DeviceKind& disk_kind() noexcept;
[[nodiscard]] DeviceConfig device_config(DiskConfig disk);

}  // namespace bothy
