#include "devices/virtio/device_kind.h"

namespace bothy {

Result<void> DeviceKind::validate(DeviceConfigs, const MemoryPlan&) const {
  return success();
}

std::optional<CharacterChannel> DeviceKind::channel(const DeviceConfig&) const {
  return std::nullopt;
}

Result<std::unique_ptr<PreparedDevice>> DeviceKind::prepare(const DeviceConfig&) const {
  return std::unique_ptr<PreparedDevice>();
}

Result<void> DeviceKind::connect(virtio::Device&) const {
  return success();
}

std::vector<CharacterEnd> DeviceKind::character_ends(virtio::Device&) const {
  return {};
}

void DeviceKind::add_commands(std::span<virtio::Device* const>, ControlCommands&) const {}

}  // namespace bothy
