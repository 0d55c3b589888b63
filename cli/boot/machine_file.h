// Machine files: the options of `bothy boot` as one JSON object, for --config and from --dry-run.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "base/result.h"
#include "cli/boot/options.h"

namespace bothy {

// The largest machine file, in bytes.
inline constexpr std::size_t kMaxMachineFile = 1U << 20U;

// Applies the file's members over `options`: those of a machine (vmm/machine/machine_json.h), and
// on-reboot, timeout, control, boot-timer, json and dry-run as their flags have them. Errors name
// the file and the member.
[[nodiscard]] Result<void> apply_machine_file(const std::string& path, BootOptions& options);

// The same for a file's members.
[[nodiscard]] Result<void> apply_members(boost::json::object members, BootOptions& options);

// Every choice, defaults included: apply_members() of it gives the same options.
[[nodiscard]] boost::json::object to_json(const BootOptions& options);

// "exit" or "restart": whether to restart.
[[nodiscard]] Result<bool> parse_on_reboot(std::string_view text);
[[nodiscard]] Result<std::chrono::milliseconds> parse_timeout(std::string_view text);

}  // namespace bothy
