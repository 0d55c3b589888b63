#include "vmm/machine/device_kinds.h"

#include <algorithm>
#include <array>

#include "devices/virtio/balloon/kind.h"
#include "devices/virtio/block/kind.h"
#include "devices/virtio/console/kind.h"
#include "devices/virtio/fs/kind.h"
#include "devices/virtio/net/kind.h"
#include "devices/virtio/rng/kind.h"
#include "devices/virtio/vsock/kind.h"

namespace bothy {

std::span<const DeviceKind* const> device_kinds() noexcept {
  static const std::array kinds{
      &port_kind(),     // --port
      &disk_kind(),     // --disk
      &net_kind(),      // --net
      &rng_kind(),      // --rng
      &vsock_kind(),    // --vsock
      &balloon_kind(),  // --balloon
      &fs_kind(),       // --fs
  };
  return kinds;
}

const DeviceKind* find_device_kind(std::string_view name) noexcept {
  const auto kinds = device_kinds();
  const auto kind =
      std::ranges::find(kinds, name, [](const DeviceKind* each) { return each->flag().name; });
  return kind == kinds.end() ? nullptr : *kind;
}

}  // namespace bothy
