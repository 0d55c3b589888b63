// VsockConnection: one stream between a program in the guest and a unix socket of the host.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/unique_fd.h"
#include "devices/host/vsock/poll_set.h"
#include "devices/virtio/vsock/packet.h"

namespace bothy::virtio {

//   a host client connects                      the guest sends a request
//              |                                            |
//        [handshake]  CONNECT line                  connect(2) to its port
//              | request()                                    |
//        [requested]  request sent, awaits response         |
//              |              response                      | response due
//              +---------------> [open] <-------------------+
//                                  |
//      both directions over on     |      the guest neither sends nor
//      the host's side; shutdown   |      receives any more, and was answered
//      sent, awaits reset          |      with a reset
//              +-------------------+--------------------+
//              |                                        |
//          [closing]                               [draining]  data for a slow reader is left
//              |                                        |
//              +---------------> removed <--------------+
//
// A reset, from either side, ends it in any state. Each direction of [open] ends on its own: the
// end of input becomes a shutdown packet and back.
//
// Data is moved directly between the socket and the guest's buffers. Data that the socket doesn't
// accept at once is stored here, at most the window advertised to the guest (virtio 1.2, 5.10.6.3).
// The socket is only read into a buffer of the guest, within the guest's credit.
class VsockConnection : public boost::intrusive::list_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  enum class State { kHandshake, kRequested, kOpen, kClosing, kDraining };

  // What the muxer has to do with the connection after an event.
  enum class Outcome {
    kKeep,
    kClose,  // remove it
    kReset,  // remove it, and send the guest a reset
    kDrain,  // send the guest a reset, and free the ports
  };

  // `id`: the token in `poll`, to which the caller has added the socket. `window`: how many bytes
  // from the guest may wait for the socket.
  VsockConnection(std::uint64_t id, UniqueFd socket, std::uint32_t window, PollSet& poll) noexcept
      : id_(id), window_(window), poll_(poll), socket_(std::move(socket)) {}

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] VsockPorts ports() const noexcept { return ports_; }
  [[nodiscard]] std::uint32_t window() const noexcept { return window_; }

  // [handshake]: reads the line "CONNECT <port>" from the socket, and nothing behind it. Sets
  // `port` once the line is complete.
  [[nodiscard]] Outcome read_handshake(std::optional<std::uint32_t>& port) noexcept;
  // [handshake] -> [requested]
  void request(VsockPorts ports) noexcept;
  // -> [open], for a request of the guest.
  void accept(const VsockHeader& request) noexcept;

  // Handles a packet from the guest, other than a request. The payload is header.length bytes long.
  [[nodiscard]] Outcome receive(const VsockHeader& header, std::span<const iovec> payload);
  // Handles events of epoll(7) on the socket.
  [[nodiscard]] Outcome on_socket(std::uint32_t events);

  // Whether fill() probably has a packet to send; only a read of the socket would be certain.
  [[nodiscard]] bool wants_to_send() noexcept;
  // Builds the next packet in buffers that have room for more than a header. Writes the payload,
  // and sets `header`, which the caller writes. The op is kInvalid if there is nothing to send.
  [[nodiscard]] Outcome fill(std::span<const iovec> buffers, VsockHeader& header);

  // Ends the connection for an error on the host.
  [[nodiscard]] Outcome abort() const noexcept {
    return known_to_guest_ ? Outcome::kReset : Outcome::kClose;
  }

 private:
  [[nodiscard]] Outcome on_response() noexcept;
  [[nodiscard]] Outcome on_shutdown(std::uint32_t flags);
  void discard_input() noexcept;
  [[nodiscard]] Outcome on_data(std::span<const iovec> payload, std::uint32_t length);
  // Reads from the socket.
  [[nodiscard]] Outcome fill_data(std::span<const iovec> buffers, VsockHeader& header);
  void fill_shutdown(VsockHeader& header) noexcept;
  void fill_header(VsockHeader& header, VsockOp op) noexcept;

  // Writes pending data to the socket.
  void flush() noexcept;
  void store_pending(std::span<const iovec> buffers);
  void drop_output() noexcept;
  void watch_output(bool on) noexcept;
  void count_forwarded(std::size_t bytes) noexcept;
  // Updates the shutdown state after a direction was closed.
  void update_shutdown() noexcept;
  [[nodiscard]] std::size_t pending_bytes() const noexcept {
    return pending_.size() - pending_start_;
  }
  [[nodiscard]] std::uint32_t credit() const noexcept;
  [[nodiscard]] bool can_read() const noexcept;

  const std::uint64_t id_;
  const std::uint32_t window_;
  PollSet& poll_;
  UniqueFd socket_;
  State state_ = State::kHandshake;
  VsockPorts ports_;

  // From the guest. Byte counts wrap, as in the packets.
  std::uint32_t received_ = 0;
  std::uint32_t forwarded_ = 0;
  std::uint32_t reported_forwarded_ = 0;
  std::vector<std::byte> pending_;  // received, and not yet written to the socket
  std::size_t pending_start_ = 0;
  std::uint32_t guest_shutdown_ = 0;
  bool watching_output_ = false;
  bool output_closed_ = false;  // the socket is shut down for writing

  // To the guest.
  std::uint32_t sent_ = 0;
  std::uint32_t guest_window_ = 0;
  std::uint32_t guest_forwarded_ = 0;
  bool readable_ = true;
  bool hung_up_ = false;

  // Packets to be sent.
  bool request_due_ = false;
  bool response_due_ = false;
  bool update_due_ = false;
  bool credit_requested_ = false;
  bool credit_request_due_ = false;
  std::uint32_t shutdown_due_ = 0;
  std::uint32_t shutdown_sent_ = 0;
  bool known_to_guest_ = false;
};

}  // namespace bothy::virtio
