// The kinds of devices that a machine can have.
#pragma once

#include <span>
#include <string_view>

#include "devices/virtio/device_kind.h"

namespace bothy {

// In the order in which the guest finds the devices of different kinds.
[[nodiscard]] std::span<const DeviceKind* const> device_kinds() noexcept;

// By the name of its flag; null for an unknown one.
[[nodiscard]] const DeviceKind* find_device_kind(std::string_view name) noexcept;

}  // namespace bothy
