// VsockMuxer: all streams of a socket device: dispatches packets and socket events to them, and
// schedules the packets to the guest.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>

#include "base/log.h"
#include "devices/host/vsock/poll_set.h"
#include "devices/host/vsock/unix_ports.h"
#include "devices/virtio/vsock/connection.h"
#include "devices/virtio/vsock/packet.h"

namespace bothy::virtio {

// Used by one thread. Connections take turns, a packet each. Its memory is bounded:
// kMaxConnections, kMaxReplies, and about kWindowPool bytes of data for slow readers.
class VsockMuxer {
 public:
  static constexpr std::size_t kMaxConnections = 4096;
  // Resets that wait for a buffer. At this number no packet is taken from the guest.
  static constexpr std::size_t kMaxReplies = 256;
  // The window of a connection: bytes that may wait for its socket. The more connections there are,
  // the smaller the windows of new ones.
  static constexpr std::uint32_t kMaxWindow = 256U << 10U;
  static constexpr std::uint32_t kMinWindow = 16U << 10U;
  static constexpr std::uint32_t kWindowPool = 32U << 20U;
  // The token of the listener in `poll`; the caller has added it.
  static constexpr std::uint64_t kListener = 0;

  // `ports` and `poll` outlive the muxer. `max_connections`: at most kMaxConnections.
  VsockMuxer(std::uint64_t guest_cid, UnixPorts& ports, PollSet& poll,
             std::size_t max_connections = kMaxConnections) noexcept
      : guest_cid_(guest_cid), host_(ports), poll_(poll), max_connections_(max_connections) {}
  VsockMuxer(const VsockMuxer&) = delete;
  VsockMuxer& operator=(const VsockMuxer&) = delete;
  ~VsockMuxer() = default;

  // Handles a packet from the guest.
  void receive(std::span<const iovec> packet);
  // False while too many resets wait for a buffer.
  [[nodiscard]] bool can_receive() const noexcept { return replies_.size() < kMaxReplies; }

  [[nodiscard]] bool has_packets() const noexcept { return !replies_.empty() || !ready_.empty(); }
  // Writes the next packet into buffers with room for more than a header, and returns its length: 0
  // if there was no packet after all.
  [[nodiscard]] std::uint32_t send(std::span<const iovec> buffers);

  void on_event(const epoll_event& event);
  // Accepts waiting clients of the host.
  void accept_waiting();

  // Closes all connections, without resets to the guest.
  void close_all() noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return connections_.size(); }

 private:
  struct Reply {
    VsockPorts ports;
    std::uint16_t type = kVsockStream;
  };
  using Ready =
      boost::intrusive::list<VsockConnection, boost::intrusive::constant_time_size<false>>;

  void handle(const VsockHeader& header, std::span<const iovec> payload);
  void connect_to_host(const VsockHeader& request);
  void read_handshake(VsockConnection& connection, bool ended);
  [[nodiscard]] VsockConnection& add(UniqueFd socket, std::uint64_t id);
  [[nodiscard]] std::uint32_t free_host_port(std::uint32_t guest_port) noexcept;
  [[nodiscard]] std::uint32_t choose_window() const noexcept;
  // Applies an outcome, and queues the connection if it has a packet to send.
  void apply(VsockConnection& connection, VsockConnection::Outcome outcome);
  void remove(VsockConnection& connection);

  const std::uint64_t guest_cid_;
  UnixPorts& host_;
  PollSet& poll_;
  const std::size_t max_connections_;
  LogLimiter limiter_;
  std::unordered_map<std::uint64_t, std::unique_ptr<VsockConnection>> connections_;  // by id
  std::unordered_map<std::uint64_t, VsockConnection*> by_ports_;  // those that the guest knows
  Ready ready_;
  std::deque<Reply> replies_;
  std::uint64_t next_id_ = kListener + 1;
  std::uint32_t next_host_port_ = 0;
  std::uint32_t windows_ = 0;    // of all connections, in bytes
  bool accept_stopped_ = false;  // clients may be waiting of which no event will come
};

}  // namespace bothy::virtio
