// VsockMuxer: all streams of a socket device: who they belong to, and whose turn it is.
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

// Belongs to one thread. Connections take turns, a packet each. What a guest can make it hold is
// bounded: kMaxConnections, kMaxReplies, and about kWindowPool bytes of data for slow readers.
class VsockMuxer {
 public:
  static constexpr std::size_t kMaxConnections = 4096;
  // Resets that wait for a buffer: with so many, no packet is taken from the guest any more.
  static constexpr std::size_t kMaxReplies = 256;
  // A connection's window is what it may have waiting for its socket. Large ones for the first,
  // smaller ones the more there are.
  static constexpr std::uint32_t kLargestWindow = 256U << 10U;
  static constexpr std::uint32_t kSmallestWindow = 16U << 10U;
  static constexpr std::uint32_t kWindowPool = 32U << 20U;
  // The token of the listener in `poll`; the caller has added it.
  static constexpr std::uint64_t kListener = 0;

  // Both outlive it.
  // `most_connections`: no more at a time, at most kMaxConnections.
  VsockMuxer(std::uint64_t guest_cid, UnixPorts& ports, PollSet& poll,
             std::size_t most_connections = kMaxConnections) noexcept
      : guest_cid_(guest_cid), host_(ports), poll_(poll), most_connections_(most_connections) {}
  VsockMuxer(const VsockMuxer&) = delete;
  VsockMuxer& operator=(const VsockMuxer&) = delete;
  ~VsockMuxer() = default;

  // A packet of the guest's.
  void receive(std::span<const iovec> packet);
  // False while too much of what it says waits for a buffer.
  [[nodiscard]] bool can_receive() const noexcept { return replies_.size() < kMaxReplies; }

  [[nodiscard]] bool has_packets() const noexcept { return !replies_.empty() || !ready_.empty(); }
  // Puts the next packet into buffers with room for more than a header, and says how long it is: 0
  // when it turned out that there is none.
  [[nodiscard]] std::uint32_t send(std::span<const iovec> buffers);

  void on_event(const epoll_event& event);
  // Takes in programs of the host that wait for it.
  void accept_waiting();

  // Ends all connections, without a word to the guest.
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
  // Carries out a fate, and queues the connection if it has something to say.
  void settle(VsockConnection& connection, VsockConnection::Fate fate);
  void remove(VsockConnection& connection);

  const std::uint64_t guest_cid_;
  UnixPorts& host_;
  PollSet& poll_;
  const std::size_t most_connections_;
  LogLimiter limiter_;
  std::unordered_map<std::uint64_t, std::unique_ptr<VsockConnection>> connections_;  // by id
  std::unordered_map<std::uint64_t, VsockConnection*> by_ports_;  // those the guest may name
  Ready ready_;
  std::deque<Reply> replies_;
  std::uint64_t next_id_ = kListener + 1;
  std::uint32_t next_host_port_ = 0;
  std::uint32_t windows_ = 0;    // of all connections, in bytes
  bool accept_stopped_ = false;  // programs may wait that nothing will report again
};

}  // namespace bothy::virtio
