// VsockConnection: one stream between a program of the guest and one of the host.
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

//   a program of the host connects              the guest sends a request
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
//              +-----------------> gone <---------------+
//
// A reset, from either side, ends it in any state. Each direction of [open] ends on its own: the
// end of input becomes a shutdown packet and back.
//
// Data goes straight between the socket and the guest's buffers. What the socket doesn't take at
// once is kept here, at most the window that the guest was told (virtio 1.2, 5.10.6.3); the socket
// is read only into a buffer of the guest's, as far as its credit goes.
class VsockConnection : public boost::intrusive::list_base_hook<
                            boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  enum class State { kHandshake, kRequested, kOpen, kClosing, kDraining };

  // What becomes of it after it was told something.
  enum class Fate {
    kStays,
    kGone,    // nothing more to say to the guest
    kReset,   // gone, and the guest is to be sent a reset
    kDrains,  // the guest is to be sent a reset, and its ports are free again
  };

  // `id` is its token in `poll`, where the caller has added the socket. `window` is how many bytes
  // of the guest's may wait for the socket.
  VsockConnection(std::uint64_t id, UniqueFd socket, std::uint32_t window, PollSet& poll) noexcept
      : id_(id), window_(window), poll_(poll), socket_(std::move(socket)) {}

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
  [[nodiscard]] State state() const noexcept { return state_; }
  [[nodiscard]] VsockPorts ports() const noexcept { return ports_; }
  [[nodiscard]] std::uint32_t window() const noexcept { return window_; }

  // [handshake]: takes the line "CONNECT <port>" from the socket, and nothing behind it. `port` is
  // set once it is there.
  [[nodiscard]] Fate read_handshake(std::optional<std::uint32_t>& port) noexcept;
  // [handshake] -> [requested]
  void request(VsockPorts ports) noexcept;
  // -> [open], for a request of the guest's.
  void accept(const VsockHeader& request) noexcept;

  // A packet of the guest's, other than a request. The payload is header.length bytes long.
  [[nodiscard]] Fate receive(const VsockHeader& header, std::span<const iovec> payload);
  // Events of epoll(7) on the socket.
  [[nodiscard]] Fate on_socket(std::uint32_t events);

  // Whether fill() has something to send, as far as can be told without reading the socket.
  [[nodiscard]] bool wants_to_send() noexcept;
  // Builds the next packet in buffers that have room for more than a header. Sets `header` and
  // leaves it to the caller to write it; its length is that of the payload, which is in place. An
  // op of kInvalid says that there was nothing to send after all.
  [[nodiscard]] Fate fill(std::span<const iovec> buffers, VsockHeader& header);

  // Ends it for a fault of the host's side.
  [[nodiscard]] Fate give_up() const noexcept {
    return known_to_guest_ ? Fate::kReset : Fate::kGone;
  }

 private:
  [[nodiscard]] Fate on_response() noexcept;
  [[nodiscard]] Fate on_shutdown(std::uint32_t flags);
  void discard_input() noexcept;
  [[nodiscard]] Fate on_data(std::span<const iovec> payload, std::uint32_t length);
  // Reads from the socket.
  [[nodiscard]] Fate fill_data(std::span<const iovec> buffers, VsockHeader& header);
  void fill_shutdown(VsockHeader& header) noexcept;
  void fill_header(VsockHeader& header, VsockOp op) noexcept;

  // Hands what is kept to the socket.
  void flush() noexcept;
  void keep(std::span<const iovec> buffers);
  void drop_output() noexcept;
  void watch_output(bool on) noexcept;
  void count_forwarded(std::size_t bytes) noexcept;
  // After a change of either direction.
  void settle() noexcept;
  [[nodiscard]] std::size_t kept() const noexcept { return kept_.size() - kept_start_; }
  [[nodiscard]] std::uint32_t credit() const noexcept;
  [[nodiscard]] bool can_read() const noexcept;

  const std::uint64_t id_;
  const std::uint32_t window_;
  PollSet& poll_;
  UniqueFd socket_;
  State state_ = State::kHandshake;
  VsockPorts ports_;

  // From the guest: counts of bytes that wrap, as the packets have them.
  std::uint32_t received_ = 0;
  std::uint32_t forwarded_ = 0;
  std::uint32_t told_forwarded_ = 0;
  std::vector<std::byte> kept_;  // received, and not yet forwarded
  std::size_t kept_start_ = 0;
  std::uint32_t guest_shutdown_ = 0;
  bool watching_output_ = false;
  bool output_over_ = false;  // nobody reads any more, or we have ended it

  // To the guest.
  std::uint32_t sent_ = 0;
  std::uint32_t guest_window_ = 0;
  std::uint32_t guest_forwarded_ = 0;
  bool readable_ = true;
  bool hung_up_ = false;

  // What is to be said.
  bool request_due_ = false;
  bool response_due_ = false;
  bool update_due_ = false;
  bool credit_asked_ = false;
  bool credit_request_due_ = false;
  std::uint32_t shutdown_due_ = 0;
  std::uint32_t shutdown_sent_ = 0;
  bool known_to_guest_ = false;
};

}  // namespace bothy::virtio
