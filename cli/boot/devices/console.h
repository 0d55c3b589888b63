// --console and --port: what they say, and how a machine file says it.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string_view>

#include "base/result.h"
#include "devices/host/console/config.h"

namespace bothy {

// "[KIND][,pty|,file=PATH|,socket=PATH]"
[[nodiscard]] Result<ConsoleConfig> parse_console(std::string_view text);
// "NAME[,console][,pty|,file=PATH|,socket=PATH]"
[[nodiscard]] Result<PortConfig> parse_port(std::string_view text);

[[nodiscard]] std::string_view name_of(ConsoleKind kind) noexcept;
[[nodiscard]] boost::json::value describe(const ConsoleConfig& console);
[[nodiscard]] boost::json::object describe(const PortConfig& port);

}  // namespace bothy
