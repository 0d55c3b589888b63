#include "devices/virtio/vsock/connection.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

namespace bothy::virtio {
namespace {

// "CONNECT 4294967295\n" and some room to detect a line that is too long.
constexpr std::size_t kMaxHandshake = 32;
constexpr std::string_view kConnect = "CONNECT ";
// Of one packet: Linux's limit (VIRTIO_VSOCK_MAX_PKT_BUF_SIZE). Streams and devices take turns, and
// a buffer of the guest may be as large as 4 GiB.
constexpr std::uint32_t kMaxPayload = 64U << 10U;
// VMADDR_PORT_ANY, which is not a valid port.
constexpr std::uint32_t kAnyPort = 0xffffffff;

// The port of a handshake line, given without its newline.
std::optional<std::uint32_t> parse_handshake(std::string_view line) noexcept {
  if (!line.starts_with(kConnect)) {
    return std::nullopt;
  }
  line.remove_prefix(kConnect.size());
  std::uint32_t port = kAnyPort;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), port);
  if (error != std::errc() || end != line.data() + line.size() || port == kAnyPort) {
    return std::nullopt;
  }
  return port;
}

// Without SIGPIPE. Returns the count, or -1 with errno set.
ssize_t send_buffers(int fd, BufferList& buffers) noexcept {
  msghdr message{};
  message.msg_iov = buffers.data();
  message.msg_iovlen = buffers.size();
  ssize_t count = -1;
  do {
    count = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (count < 0 && errno == EINTR);
  return count;
}

ssize_t receive_buffers(int fd, BufferList& buffers) noexcept {
  msghdr message{};
  message.msg_iov = buffers.data();
  message.msg_iovlen = buffers.size();
  ssize_t count = -1;
  do {
    count = ::recvmsg(fd, &message, 0);
  } while (count < 0 && errno == EINTR);
  return count;
}

}  // namespace

VsockConnection::Outcome VsockConnection::read_handshake(
    std::optional<std::uint32_t>& port) noexcept {
  std::array<char, kMaxHandshake> text{};
  const ssize_t seen = ::recv(socket_.get(), text.data(), text.size(), MSG_PEEK);
  if (seen < 0 && (errno == EAGAIN || errno == EINTR)) {
    return Outcome::kKeep;
  }
  if (seen <= 0) {
    return Outcome::kClose;
  }
  const std::string_view start(text.data(), static_cast<std::size_t>(seen));
  const std::size_t end = start.find('\n');
  if (end == std::string_view::npos) {
    return start.size() < kMaxHandshake ? Outcome::kKeep : Outcome::kClose;
  }
  port = parse_handshake(start.substr(0, end));
  // The bytes after the line are data for the guest.
  const bool taken =
      ::recv(socket_.get(), text.data(), end + 1, 0) == static_cast<ssize_t>(end + 1);
  return port && taken ? Outcome::kKeep : Outcome::kClose;
}

void VsockConnection::request(VsockPorts ports) noexcept {
  ports_ = ports;
  state_ = State::kRequested;
  request_due_ = true;
}

void VsockConnection::accept(const VsockHeader& request) noexcept {
  ports_ = {request.source_port, request.destination_port};
  guest_window_ = request.buffer_size;
  guest_forwarded_ = request.forwarded;
  state_ = State::kOpen;
  response_due_ = true;
  known_to_guest_ = true;
}

VsockConnection::Outcome VsockConnection::receive(const VsockHeader& header,
                                                  std::span<const iovec> payload) {
  guest_window_ = header.buffer_size;
  guest_forwarded_ = header.forwarded;
  if (credit() > 0) {
    credit_requested_ = false;
    credit_request_due_ = false;
  }
  switch (header.op) {
    case VsockOp::kResponse:
      return on_response();
    case VsockOp::kReset:
      return Outcome::kClose;
    case VsockOp::kShutdown:
      return on_shutdown(header.flags & kVsockNeither);
    case VsockOp::kData:
      return on_data(payload, header.length);
    case VsockOp::kCreditUpdate:
      return Outcome::kKeep;
    case VsockOp::kCreditRequest:
      update_due_ = true;
      return Outcome::kKeep;
    default:
      return Outcome::kReset;
  }
}

VsockConnection::Outcome VsockConnection::on_response() noexcept {
  if (state_ != State::kRequested || request_due_) {
    return Outcome::kReset;
  }
  state_ = State::kOpen;
  // The socket is still empty and has room for a line.
  const std::string line = fmt::format("OK {}\n", ports_.host);
  const ssize_t sent = ::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(line.size()) ? Outcome::kKeep : Outcome::kReset;
}

// A writer that waits for room isn't woken by the shutdown alone, so the queued data is discarded.
// The loop ends: after the shutdown no more data is queued.
void VsockConnection::discard_input() noexcept {
  std::array<std::byte, 4096> piece;
  while (::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT) > 0) {
  }
}

VsockConnection::Outcome VsockConnection::on_shutdown(std::uint32_t flags) {
  if (state_ == State::kRequested) {
    return Outcome::kReset;
  }
  guest_shutdown_ |= flags;
  if (guest_shutdown_ == kVsockNeither) {
    // The reset needn't wait for a slow reader (5.10.6.6): the device still delivers the data.
    if (pending_bytes() == 0 || output_closed_) {
      return Outcome::kReset;
    }
    state_ = State::kDraining;
    return Outcome::kDrain;
  }
  if (state_ == State::kOpen && (guest_shutdown_ & kVsockNoReceive) != 0) {
    ::shutdown(socket_.get(), SHUT_RD);
    discard_input();
  }
  update_shutdown();
  return Outcome::kKeep;
}

VsockConnection::Outcome VsockConnection::on_data(std::span<const iovec> payload,
                                                  std::uint32_t length) {
  if (state_ == State::kClosing) {
    return Outcome::kKeep;  // sent before the guest received the shutdown
  }
  const std::uint32_t waiting = received_ - forwarded_;
  // Exceeding the advertised window breaks 5.10.6.3.
  if (state_ != State::kOpen || (guest_shutdown_ & kVsockNoSend) != 0 ||
      length > window_ - waiting) {
    return Outcome::kReset;
  }
  received_ += length;
  if (output_closed_) {
    count_forwarded(length);
    return Outcome::kKeep;
  }
  std::size_t sent = 0;
  if (pending_bytes() == 0 && length > 0) {
    BufferList buffers = part_of(payload, 0, length);
    const ssize_t count = send_buffers(socket_.get(), buffers);
    if (count < 0 && errno != EAGAIN) {
      drop_output();
      return Outcome::kKeep;
    }
    sent = count > 0 ? static_cast<std::size_t>(count) : 0;
    count_forwarded(sent);
  }
  if (sent < length) {
    store_pending(part_of(payload, sent, length - sent));
  }
  return Outcome::kKeep;
}

VsockConnection::Outcome VsockConnection::on_socket(std::uint32_t events) {
  hung_up_ = hung_up_ || (events & (EPOLLHUP | EPOLLERR)) != 0;
  readable_ = readable_ || (events & ~std::uint32_t{EPOLLOUT}) != 0;
  if (state_ == State::kRequested) {
    return hung_up_ ? abort() : Outcome::kKeep;
  }
  if (state_ == State::kOpen || state_ == State::kDraining) {
    flush();
    update_shutdown();
  }
  return state_ == State::kDraining && pending_bytes() == 0 ? Outcome::kClose : Outcome::kKeep;
}

bool VsockConnection::wants_to_send() noexcept {
  if (state_ == State::kHandshake || state_ == State::kDraining) {
    return false;
  }
  if (can_read() && credit() == 0 && !std::exchange(credit_requested_, true)) {
    credit_request_due_ = true;
  }
  return request_due_ || response_due_ || update_due_ || credit_request_due_ ||
         shutdown_due_ != shutdown_sent_ || (can_read() && credit() > 0);
}

VsockConnection::Outcome VsockConnection::fill(std::span<const iovec> buffers,
                                               VsockHeader& header) {
  header.op = VsockOp::kInvalid;
  if (std::exchange(request_due_, false)) {
    known_to_guest_ = true;
    fill_header(header, VsockOp::kRequest);
  } else if (std::exchange(response_due_, false)) {
    fill_header(header, VsockOp::kResponse);
  } else if (shutdown_due_ != shutdown_sent_) {
    fill_shutdown(header);
  } else if (can_read() && credit() > 0) {
    const Outcome outcome = fill_data(buffers, header);
    if (outcome != Outcome::kKeep) {
      return outcome;
    }
  }
  if (header.op == VsockOp::kInvalid) {
    if (shutdown_due_ != shutdown_sent_) {
      fill_shutdown(header);  // the end of input
    } else if (update_due_) {
      fill_header(header, VsockOp::kCreditUpdate);
    } else if (std::exchange(credit_request_due_, false)) {
      fill_header(header, VsockOp::kCreditRequest);
    }
  }
  return Outcome::kKeep;
}

VsockConnection::Outcome VsockConnection::fill_data(std::span<const iovec> buffers,
                                                    VsockHeader& header) {
  BufferList room = part_of(buffers, kVsockHeaderSize, std::min(credit(), kMaxPayload));
  const ssize_t count = receive_buffers(socket_.get(), room);
  if (count > 0) {
    sent_ += static_cast<std::uint32_t>(count);
    fill_header(header, VsockOp::kData);
    header.length = static_cast<std::uint32_t>(count);
    return Outcome::kKeep;
  }
  readable_ = false;
  if (count < 0) {
    return errno == EAGAIN ? Outcome::kKeep : abort();
  }
  shutdown_due_ |= hung_up_ ? kVsockNeither : kVsockNoSend;
  update_shutdown();
  return Outcome::kKeep;
}

void VsockConnection::fill_shutdown(VsockHeader& header) noexcept {
  fill_header(header, VsockOp::kShutdown);
  header.flags = shutdown_due_;
  shutdown_sent_ = shutdown_due_;
  if (shutdown_sent_ == kVsockNeither) {
    drop_output();
    socket_.reset();
    state_ = State::kClosing;
  }
}

void VsockConnection::fill_header(VsockHeader& header, VsockOp op) noexcept {
  header = {};
  header.source_port = ports_.host;
  header.destination_port = ports_.guest;
  header.type = kVsockStream;
  header.op = op;
  header.buffer_size = window_;
  header.forwarded = forwarded_;
  reported_forwarded_ = forwarded_;
  update_due_ = false;
}

void VsockConnection::flush() noexcept {
  while (pending_bytes() > 0) {
    const ssize_t count =
        ::send(socket_.get(), pending_.data() + pending_start_, pending_bytes(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return errno == EAGAIN ? watch_output(true) : drop_output();
    }
    pending_start_ += static_cast<std::size_t>(count);
    count_forwarded(static_cast<std::size_t>(count));
  }
  if (pending_.capacity() > 0) {
    pending_ = std::vector<std::byte>();  // a stalled reader is rare, so the memory is freed
    pending_start_ = 0;
  }
  watch_output(false);
}

void VsockConnection::store_pending(std::span<const iovec> buffers) {
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(pending_start_));
  pending_start_ = 0;
  pending_.reserve(window_);
  for (const iovec& buffer : buffers) {
    const auto* bytes = static_cast<const std::byte*>(buffer.iov_base);
    pending_.insert(pending_.end(), bytes, bytes + buffer.iov_len);
  }
  watch_output(true);
}

void VsockConnection::drop_output() noexcept {
  output_closed_ = true;
  count_forwarded(pending_bytes());
  pending_ = std::vector<std::byte>();
  pending_start_ = 0;
  shutdown_due_ |= kVsockNoReceive;
  update_shutdown();
}

void VsockConnection::watch_output(bool on) noexcept {
  if (std::exchange(watching_output_, on) != on) {
    poll_.watch_output(socket_.get(), id_, on);
  }
}

void VsockConnection::count_forwarded(std::size_t bytes) noexcept {
  forwarded_ += static_cast<std::uint32_t>(bytes);
  // At half a window: the guest has room before it runs out, with few credit updates.
  update_due_ = update_due_ || forwarded_ - reported_forwarded_ >= window_ / 2;
}

void VsockConnection::update_shutdown() noexcept {
  if ((guest_shutdown_ & kVsockNoSend) != 0 && pending_bytes() == 0 &&
      !std::exchange(output_closed_, true)) {
    ::shutdown(socket_.get(), SHUT_WR);
  }
  const bool input_closed =
      (shutdown_due_ & kVsockNoSend) != 0 || (guest_shutdown_ & kVsockNoReceive) != 0;
  if (output_closed_ && input_closed) {
    shutdown_due_ = kVsockNeither;
  }
}

std::uint32_t VsockConnection::credit() const noexcept {
  // Wraps as the counts do (5.10.6.3). A guest that claims to have consumed more than it was sent
  // gets no credit.
  const std::uint32_t outstanding = sent_ - guest_forwarded_;
  return outstanding < guest_window_ ? guest_window_ - outstanding : 0;
}

bool VsockConnection::can_read() const noexcept {
  return state_ == State::kOpen && readable_ && (shutdown_due_ & kVsockNoSend) == 0 &&
         (guest_shutdown_ & kVsockNoReceive) == 0;
}

}  // namespace bothy::virtio
