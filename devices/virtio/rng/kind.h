// --rng
#pragma once

#include "devices/virtio/device_kind.h"

namespace bothy {

[[nodiscard]] const DeviceKind& rng_kind() noexcept;

}  // namespace bothy
