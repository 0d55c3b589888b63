// What a network device talks to: NetBackend, and its queues, each a PacketPort.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace bothy {

// Work on packets that the sender leaves to whoever takes them: the same set in both directions.
struct NetOffloads {
  bool checksum = false;  // a partial checksum
  bool tso4 = false;      // TCP over IPv4 that is yet to be cut into segments
  bool tso6 = false;
  bool ecn = false;  // either, with ECN
  bool uso = false;  // the same of UDP, over IPv4 and IPv6
  friend bool operator==(const NetOffloads&, const NetOffloads&) = default;
};

enum class PacketOutcome {
  kDone,
  kAgain,    // nothing there to receive, or no room to send
  kDropped,  // this one is lost; others may go
  kGone,     // the other side is, for good
};

struct ReceivedPacket {
  PacketOutcome outcome = PacketOutcome::kAgain;
  std::size_t size = 0;  // bytes, header included, when kDone
};

// One queue of a backend. Every packet begins with struct virtio_net_hdr_v1 (virtio 1.2, 5.1.6),
// whether or not the other side has such a header; its num_buffers is the device's business. One
// thread at a time; no function blocks.
class PacketPort {
 public:
  static constexpr std::size_t kHeader = 12;
  // The largest packet, header included (virtio 1.2, 5.1.6.3.1).
  static constexpr std::size_t kMostBytes = 65562;

  PacketPort() = default;
  PacketPort(const PacketPort&) = delete;
  PacketPort& operator=(const PacketPort&) = delete;
  virtual ~PacketPort() = default;

  // Polls readable when there may be a packet, and writable when there is room again after a send()
  // that ended with kAgain. Owned by the port.
  [[nodiscard]] virtual int fd() const noexcept = 0;
  // Stores the next packet in `buffers`, at most 1024 of them with more than kMostBytes in all.
  [[nodiscard]] virtual ReceivedPacket receive(std::span<const iovec> buffers) noexcept = 0;
  // At most 1024 buffers, from kHeader to kMostBytes in all.
  [[nodiscard]] virtual PacketOutcome send(std::span<const iovec> packet) noexcept = 0;
  // Hands on what the port itself still holds of packets sent: kAgain while there is no room.
  [[nodiscard]] virtual PacketOutcome flush() noexcept { return PacketOutcome::kDone; }
};

// The other functions are one thread's, and may run beside those of the ports.
class NetBackend {
 public:
  NetBackend() = default;
  NetBackend(const NetBackend&) = delete;
  NetBackend& operator=(const NetBackend&) = delete;
  virtual ~NetBackend() = default;

  // What it is, in words: "tap bothy0".
  [[nodiscard]] virtual std::string describe() const = 0;
  // What packets sent to it may leave to it, and what it may be told to leave to us.
  [[nodiscard]] virtual NetOffloads offloads() const noexcept = 0;
  // The largest packet of the link, without the Ethernet header, where the backend knows it.
  [[nodiscard]] virtual std::optional<std::uint16_t> mtu() const noexcept = 0;

  // At least one, fixed from the start. The ports live as long as the backend.
  [[nodiscard]] virtual std::size_t queues() const noexcept = 0;
  [[nodiscard]] virtual PacketPort& port(std::size_t index) noexcept = 0;

  // Packets received from now on leave `offloads`, a part of offloads(), to us. Those that waited
  // under other terms are thrown away when `afresh`: no port may be in use then.
  [[nodiscard]] virtual Result<void> leave_to_us(const NetOffloads& offloads, bool afresh) = 0;
  // Spreads packets over the first `count` queues only. The others may not be in use.
  [[nodiscard]] virtual Result<void> use_queues(std::size_t count) = 0;
};

}  // namespace bothy
