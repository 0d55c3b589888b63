// The parser of specs, by subject: each function reads one value of a config.json. Internal to it.
#pragma once

#include "base/result.h"
#include "container/spec.h"
#include "container/spec_value.h"

namespace bothy::container {

[[nodiscard]] Result<void> read_process(const SpecValue& value, Process& process);
// The members scheduler, ioPriority and execCPUAffinity.
[[nodiscard]] Result<void> read_scheduling(const SpecValue& value, Process& process);
[[nodiscard]] Result<void> read_mount(const SpecValue& value, Mount& mount);
// The members uidMappings and gidMappings: both or none.
[[nodiscard]] Result<void> read_mappings(const SpecValue& value, IdMappings& mappings);
[[nodiscard]] Result<void> read_hooks(const SpecValue& value, Hooks& hooks);
[[nodiscard]] Result<void> read_linux(const SpecValue& value, OciSpec& spec);
[[nodiscard]] Result<void> read_resources(const SpecValue& value, OciSpec& spec);
[[nodiscard]] Result<void> read_device(const SpecValue& value, Device& device);
// The members major and minor, both required.
[[nodiscard]] Result<void> read_device_numbers(const SpecValue& value, std::uint32_t& major,
                                               std::uint32_t& minor);
[[nodiscard]] Result<void> read_device_rule(const SpecValue& value, DeviceRule& rule);

}  // namespace bothy::container
