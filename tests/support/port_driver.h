// PortDriver: accesses a device through a bus, as a guest's in and out instructions do.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "devices/bus.h"

namespace bothy {

class PortDriver {
 public:
  explicit PortDriver(const Bus& bus) noexcept : bus_(bus) {}

  template <class T = std::uint8_t>
  [[nodiscard]] T in(std::uint64_t port) const noexcept {
    std::array<std::byte, sizeof(T)> data{};
    static_cast<void>(bus_.read(port, data));
    T value;
    std::memcpy(&value, data.data(), sizeof(T));
    return value;
  }

  template <class T = std::uint8_t>
  void out(std::uint64_t port, std::type_identity_t<T> value) const noexcept {
    std::array<std::byte, sizeof(T)> data{};
    std::memcpy(data.data(), &value, sizeof(T));
    static_cast<void>(bus_.write(port, data));
  }

 private:
  const Bus& bus_;
};

}  // namespace bothy
