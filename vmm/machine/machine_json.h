// A machine's configuration as JSON: the form of machine files (`bothy boot --config`), of
// --dry-run's output, and of whatever else stores a machine.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "vmm/machine/machine_config.h"

namespace bothy {

// Every choice, defaults included:
//
//   {"kernel": "vmlinux", "cpus": 2, "rng": true, "disk": [{"path": "root.img", "ro": true}], ...}
//
// A device is a member of its kind's name: true or false, an object whose members are the keys of
// the flag, or an array of these for a kind that may be repeated.
[[nodiscard]] boost::json::object to_json(const MachineConfig& config);

// Applies the members of `object` over `config`: values are replaced, devices and initrds that may
// be repeated are added. A value may also be a string as a flag has it ("512M", "root.img,ro"), and
// an empty string is ignored. kInvalid, with the member's name, for anything else.
[[nodiscard]] Result<void> from_json(const boost::json::object& object, MachineConfig& config);

// A string, or an integer as text. kInvalid, with the member's name, for anything else.
[[nodiscard]] Result<std::string> json_scalar(std::string_view name,
                                              const boost::json::value& value);

// Values of single flags; errors begin with the flag's name.
[[nodiscard]] Result<MemoryBacking> parse_memory_backing(std::string_view name);
// "unpack" or "keep": whether to unpack.
[[nodiscard]] Result<bool> parse_kernel_payload(std::string_view name);
[[nodiscard]] Result<std::uint32_t> parse_vcpus(std::string_view text);
// Bytes, or a size with K, M, G or T.
[[nodiscard]] Result<std::uint64_t> parse_memory(std::string_view text);

}  // namespace bothy
