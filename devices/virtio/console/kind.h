// --console and --port: the guest's own console, and further ports of a virtio console.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "base/result.h"
#include "devices/host/console/config.h"
#include "devices/virtio/device_kind.h"

namespace bothy {

// "[KIND][,pty|,file=PATH|,socket=PATH]". The guest's own console is not in the list of devices:
// it may be a serial port (vmm/machine/console_plan.h).
[[nodiscard]] Result<ConsoleConfig> parse_console(std::string_view text);
[[nodiscard]] std::string_view name_of(ConsoleKind kind) noexcept;
// As a machine file has it.
[[nodiscard]] boost::json::value describe(const ConsoleConfig& console);

// "NAME[,console][,pty|,file=PATH|,socket=PATH]"
[[nodiscard]] Result<PortConfig> parse_port(std::string_view text);
[[nodiscard]] boost::json::object describe(const PortConfig& port);

// All ports of a machine are those of one virtio console.
[[nodiscard]] const DeviceKind& port_kind() noexcept;
[[nodiscard]] DeviceConfig device_config(PortConfig port);

}  // namespace bothy
