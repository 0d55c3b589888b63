// FakePort: a PacketPort in memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <vector>

#include "devices/host/net/packets.h"

namespace bothy::test {

class FakePort final : public PacketPort {
 public:
  using Packet = std::vector<std::byte>;

  // With headers.
  std::deque<Packet> to_receive;
  std::vector<Packet> sent;
  // The outcomes of send(), and of receive() without a packet.
  PacketOutcome send_outcome = PacketOutcome::kDone;
  PacketOutcome empty_outcome = PacketOutcome::kAgain;
  std::size_t receive_calls = 0;

  [[nodiscard]] int fd() const noexcept override { return -1; }

  [[nodiscard]] ReceivedPacket receive(std::span<const iovec> buffers) noexcept override {
    ++receive_calls;
    if (to_receive.empty()) {
      return {empty_outcome, 0};
    }
    const Packet packet = std::move(to_receive.front());
    to_receive.pop_front();
    std::size_t done = 0;
    for (const iovec& buffer : buffers) {
      const std::size_t length = std::min(buffer.iov_len, packet.size() - done);
      if (length > 0) {
        std::memcpy(buffer.iov_base, packet.data() + done, length);
      }
      done += length;
    }
    return {done == packet.size() ? PacketOutcome::kDone : PacketOutcome::kDropped, packet.size()};
  }

  [[nodiscard]] PacketOutcome send(std::span<const iovec> packet) noexcept override {
    if (send_outcome != PacketOutcome::kDone) {
      return send_outcome;
    }
    Packet& all = sent.emplace_back();
    for (const iovec& buffer : packet) {
      const auto* bytes = static_cast<const std::byte*>(buffer.iov_base);
      all.insert(all.end(), bytes, bytes + buffer.iov_len);
    }
    return PacketOutcome::kDone;
  }
};

// A packet of `size` bytes: a header of zeros, then a pattern.
[[nodiscard]] inline FakePort::Packet make_packet(std::size_t size, unsigned seed = 1) {
  FakePort::Packet packet(size);
  for (std::size_t i = PacketPort::kHeader; i < size; ++i) {
    packet[i] = static_cast<std::byte>(i * 31 + i / 256 + seed);
  }
  return packet;
}

}  // namespace bothy::test
