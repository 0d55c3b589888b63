// The host's end of a network device: NetBackend, with a PacketPort for each queue.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace bothy {

// Work on packets that a sender leaves to the receiver; the same set in both directions.
struct NetOffloads {
  bool checksum = false;  // a partial checksum
  bool tso4 = false;      // TCP segmentation over IPv4
  bool tso6 = false;
  bool ecn = false;  // either, with ECN
  bool uso = false;  // UDP segmentation over IPv4 and IPv6
  friend bool operator==(const NetOffloads&, const NetOffloads&) = default;
};

enum class PacketOutcome {
  kDone,
  kAgain,    // nothing to receive, or no room to send
  kDropped,  // this packet is lost
  kGone,     // the other end is closed for good
};

struct ReceivedPacket {
  PacketOutcome outcome = PacketOutcome::kAgain;
  std::size_t size = 0;  // bytes, header included, when kDone
};

// One queue of a backend. Every packet begins with struct virtio_net_hdr_v1 (virtio 1.2, 5.1.6),
// also where the other end has no such header; the device sets its num_buffers. One thread at a
// time; no function blocks.
class PacketPort {
 public:
  static constexpr std::size_t kHeader = 12;
  // The largest packet, header included (virtio 1.2, 5.1.6.3.1).
  static constexpr std::size_t kMaxBytes = 65562;

  PacketPort() = default;
  PacketPort(const PacketPort&) = delete;
  PacketPort& operator=(const PacketPort&) = delete;
  virtual ~PacketPort() = default;

  // Readable when there may be a packet; writable when there is room after send() has returned
  // kAgain. Owned by the port.
  [[nodiscard]] virtual int fd() const noexcept = 0;
  // Stores the next packet in `buffers`, at most 1024 of them with more than kMaxBytes in all.
  [[nodiscard]] virtual ReceivedPacket receive(std::span<const iovec> buffers) noexcept = 0;
  // At most 1024 buffers, from kHeader to kMaxBytes in all.
  [[nodiscard]] virtual PacketOutcome send(std::span<const iovec> packet) noexcept = 0;
  // Sends what the port has buffered of earlier packets: kAgain while there is no room.
  [[nodiscard]] virtual PacketOutcome flush() noexcept { return PacketOutcome::kDone; }
};

// The other functions are one thread's, and may run beside those of the ports.
class NetBackend {
 public:
  NetBackend() = default;
  NetBackend(const NetBackend&) = delete;
  NetBackend& operator=(const NetBackend&) = delete;
  virtual ~NetBackend() = default;

  // For people: "tap bothy0".
  [[nodiscard]] virtual std::string describe() const = 0;
  // The offloads that packets sent to the backend may use, and those that set_receive_offloads()
  // may request.
  [[nodiscard]] virtual NetOffloads offloads() const noexcept = 0;
  // The largest packet of the link, without the Ethernet header, where the backend knows it.
  [[nodiscard]] virtual std::optional<std::uint16_t> mtu() const noexcept = 0;

  // At least one, constant. The ports exist as long as the backend.
  [[nodiscard]] virtual std::size_t queues() const noexcept = 0;
  [[nodiscard]] virtual PacketPort& port(std::size_t index) noexcept = 0;

  // Packets received from now on use `offloads`, a part of offloads(). Packets that wait already
  // are dropped when `afresh`: no port may be in use then.
  [[nodiscard]] virtual Result<void> set_receive_offloads(const NetOffloads& offloads,
                                                          bool afresh) = 0;
  // Spreads packets over the first `count` queues only. The others may not be in use.
  [[nodiscard]] virtual Result<void> use_queues(std::size_t count) = 0;
};

}  // namespace bothy
