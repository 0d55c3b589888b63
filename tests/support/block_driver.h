// BlockDriver: makes requests to a block device.
#pragma once

#include <linux/virtio_blk.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/virtio_driver.h"

namespace bothy::test {

struct BlockDriver {
  struct Request {
    std::uint16_t head = 0;
    GuestAddress header = 0;
    GuestAddress data = 0;
    std::uint32_t length = 0;
    GuestAddress status = 0;
  };
  static constexpr std::uint8_t kUntouched = 0xee;

  DriverQueue& queue;

  // The layout of Linux: header, data in one descriptor, status.
  Request add(std::uint32_t type, std::uint64_t sector, std::uint32_t length, bool device_writes,
              std::string_view data = {}) const {
    Request request;
    request.header = make_header(type, sector);
    request.data = queue.allocate(length);
    request.length = length;
    request.status = make_status();
    static_cast<void>(queue.memory().write_bytes(request.data, std::as_bytes(std::span(data))));
    if (length == 0) {
      request.head = queue.add({{kHeader, false, request.header}, {1, true, request.status}});
    } else {
      request.head = queue.add({{kHeader, false, request.header},
                                {length, device_writes, request.data},
                                {1, true, request.status}});
    }
    return request;
  }
  [[nodiscard]] Request read(std::uint64_t sector, std::uint32_t length) const {
    return add(VIRTIO_BLK_T_IN, sector, length, true);
  }
  [[nodiscard]] Request write(std::uint64_t sector, std::string_view data) const {
    return add(VIRTIO_BLK_T_OUT, sector, static_cast<std::uint32_t>(data.size()), false, data);
  }

  static constexpr std::uint32_t kHeader = sizeof(virtio_blk_outhdr);

  [[nodiscard]] GuestAddress make_header(std::uint32_t type, std::uint64_t sector) const {
    const GuestAddress address = queue.allocate(kHeader);
    static_cast<void>(queue.memory().write(address, virtio_blk_outhdr{type, 0, sector}));
    return address;
  }
  [[nodiscard]] GuestAddress make_status() const {
    const GuestAddress address = queue.allocate(1);
    static_cast<void>(queue.memory().write(address, kUntouched));
    return address;
  }
  [[nodiscard]] std::uint8_t status(const Request& request) const {
    return *queue.memory().read<std::uint8_t>(request.status);
  }
  [[nodiscard]] std::string data(const Request& request) const {
    const auto bytes = *queue.memory().slice(request.data, request.length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
};

}  // namespace bothy::test
