// Reads of a device's config space (virtio 1.2, 2.5).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace bothy::virtio {

// Copies the part of `config` that starts at `offset`. Bytes of `data` behind its end stay as they
// are: zeros, by Device::read_config().
template <class Config>
void read_config_space(const Config& config, std::uint64_t offset,
                       std::span<std::byte> data) noexcept {
  static_assert(std::is_trivially_copyable_v<Config>);
  if (offset < sizeof(Config)) {
    const auto bytes =
        std::as_bytes(std::span(&config, 1)).subspan(static_cast<std::size_t>(offset));
    std::memcpy(data.data(), bytes.data(), std::min(data.size(), bytes.size()));
  }
}

}  // namespace bothy::virtio
