// Properties of systemd's units, as StartTransientUnit and SetUnitProperties take them
// (org.freedesktop.systemd1(5), systemd.resource-control(5)).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "container/cgroup_limits.h"
#include "container/systemd/dbus_message.h"

namespace bothy::container {

// In the order of a variant's alternatives: b, n, q, i, u, x, t, s, as, au, ay.
using UnitValue = std::variant<bool, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
                               std::int64_t, std::uint64_t, std::string, std::vector<std::string>,
                               std::vector<std::uint32_t>, std::vector<std::uint8_t>>;

struct UnitProperty {
  std::string name;
  UnitValue value;
};

using UnitProperties = std::vector<UnitProperty>;

// a(sv)
void put_properties(DBusWriter& writer, const UnitProperties& properties);

// Limits of cgroup v2 as properties. Those that systemd has no property for are left out: it
// doesn't touch them either. Without these systemd would put its own values back when it is
// reloaded.
[[nodiscard]] Result<UnitProperties> limit_properties(const LimitWrites& writes);

// The annotations "org.systemd.property.NAME", whose values are texts of GVariant: true, 'text',
// 7, uint64 7, ['a', 'b']. NAME with the ending Sec and a number of seconds is the one with USec.
[[nodiscard]] Result<UnitProperties> annotated_properties(
    const std::map<std::string, std::string>& annotations);

}  // namespace bothy::container
