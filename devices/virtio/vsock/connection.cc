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

// "CONNECT 4294967295\n" and some room to see that a line is too long.
constexpr std::size_t kLongestHandshake = 32;
constexpr std::string_view kConnect = "CONNECT ";
// Of one packet: Linux's limit (VIRTIO_VSOCK_MAX_PKT_BUF_SIZE). Streams and devices take turns, and
// a buffer of the guest may be as large as 4 GiB.
constexpr std::uint32_t kMaxPayload = 64U << 10U;
// VMADDR_PORT_ANY is no port.
constexpr std::uint32_t kNoPort = 0xffffffff;

// The port that a line without its end names.
std::optional<std::uint32_t> parse_handshake(std::string_view line) noexcept {
  if (!line.starts_with(kConnect)) {
    return std::nullopt;
  }
  line.remove_prefix(kConnect.size());
  std::uint32_t port = kNoPort;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), port);
  if (error != std::errc() || end != line.data() + line.size() || port == kNoPort) {
    return std::nullopt;
  }
  return port;
}

// Never raises SIGPIPE. The count, or -1 with errno set.
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

VsockConnection::Fate VsockConnection::read_handshake(std::optional<std::uint32_t>& port) noexcept {
  std::array<char, kLongestHandshake> text{};
  const ssize_t seen = ::recv(socket_.get(), text.data(), text.size(), MSG_PEEK);
  if (seen < 0 && (errno == EAGAIN || errno == EINTR)) {
    return Fate::kStays;
  }
  if (seen <= 0) {
    return Fate::kGone;
  }
  const std::string_view start(text.data(), static_cast<std::size_t>(seen));
  const std::size_t end = start.find('\n');
  if (end == std::string_view::npos) {
    return start.size() < kLongestHandshake ? Fate::kStays : Fate::kGone;
  }
  port = parse_handshake(start.substr(0, end));
  // What follows the line is the guest's.
  const bool taken =
      ::recv(socket_.get(), text.data(), end + 1, 0) == static_cast<ssize_t>(end + 1);
  return port && taken ? Fate::kStays : Fate::kGone;
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

VsockConnection::Fate VsockConnection::receive(const VsockHeader& header,
                                               std::span<const iovec> payload) {
  guest_window_ = header.buffer_size;
  guest_forwarded_ = header.forwarded;
  if (credit() > 0) {
    credit_asked_ = false;
    credit_request_due_ = false;
  }
  switch (header.op) {
    case VsockOp::kResponse:
      return on_response();
    case VsockOp::kReset:
      return Fate::kGone;
    case VsockOp::kShutdown:
      return on_shutdown(header.flags & kVsockNeither);
    case VsockOp::kData:
      return on_data(payload, header.length);
    case VsockOp::kCreditUpdate:
      return Fate::kStays;
    case VsockOp::kCreditRequest:
      update_due_ = true;
      return Fate::kStays;
    default:
      return Fate::kReset;
  }
}

VsockConnection::Fate VsockConnection::on_response() noexcept {
  if (state_ != State::kRequested || request_due_) {
    return Fate::kReset;
  }
  state_ = State::kOpen;
  // A new socket has room for a line.
  const std::string line = fmt::format("OK {}\n", ports_.host);
  const ssize_t sent = ::send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL);
  return sent == static_cast<ssize_t>(line.size()) ? Fate::kStays : Fate::kReset;
}

// What is queued keeps its writer waiting, and the end of reading alone doesn't wake it. Nothing
// comes after it, so this ends.
void VsockConnection::discard_input() noexcept {
  std::array<std::byte, 4096> piece;
  while (::recv(socket_.get(), piece.data(), piece.size(), MSG_DONTWAIT) > 0) {
  }
}

VsockConnection::Fate VsockConnection::on_shutdown(std::uint32_t flags) {
  if (state_ == State::kRequested) {
    return Fate::kReset;
  }
  guest_shutdown_ |= flags;
  if (guest_shutdown_ == kVsockNeither) {
    // The answer needn't wait for a slow reader (5.10.6.6): its data is ours to deliver.
    if (kept() == 0 || output_over_) {
      return Fate::kReset;
    }
    state_ = State::kDraining;
    return Fate::kDrains;
  }
  if (state_ == State::kOpen && (guest_shutdown_ & kVsockNoReceive) != 0) {
    ::shutdown(socket_.get(), SHUT_RD);
    discard_input();
  }
  settle();
  return Fate::kStays;
}

VsockConnection::Fate VsockConnection::on_data(std::span<const iovec> payload,
                                               std::uint32_t length) {
  if (state_ == State::kClosing) {
    return Fate::kStays;  // sent before our shutdown came
  }
  const std::uint32_t waiting = received_ - forwarded_;
  // More than the guest was told that there is room for breaks 5.10.6.3.
  if (state_ != State::kOpen || (guest_shutdown_ & kVsockNoSend) != 0 ||
      length > window_ - waiting) {
    return Fate::kReset;
  }
  received_ += length;
  if (output_over_) {
    count_forwarded(length);
    return Fate::kStays;
  }
  std::size_t sent = 0;
  if (kept() == 0 && length > 0) {
    BufferList buffers = part_of(payload, 0, length);
    const ssize_t count = send_buffers(socket_.get(), buffers);
    if (count < 0 && errno != EAGAIN) {
      drop_output();
      return Fate::kStays;
    }
    sent = count > 0 ? static_cast<std::size_t>(count) : 0;
    count_forwarded(sent);
  }
  if (sent < length) {
    keep(part_of(payload, sent, length - sent));
  }
  return Fate::kStays;
}

VsockConnection::Fate VsockConnection::on_socket(std::uint32_t events) {
  hung_up_ = hung_up_ || (events & (EPOLLHUP | EPOLLERR)) != 0;
  readable_ = readable_ || (events & ~std::uint32_t{EPOLLOUT}) != 0;
  if (state_ == State::kRequested) {
    return hung_up_ ? give_up() : Fate::kStays;
  }
  if (state_ == State::kOpen || state_ == State::kDraining) {
    flush();
    settle();
  }
  return state_ == State::kDraining && kept() == 0 ? Fate::kGone : Fate::kStays;
}

bool VsockConnection::wants_to_send() noexcept {
  if (state_ == State::kHandshake || state_ == State::kDraining) {
    return false;
  }
  if (can_read() && credit() == 0 && !std::exchange(credit_asked_, true)) {
    credit_request_due_ = true;
  }
  return request_due_ || response_due_ || update_due_ || credit_request_due_ ||
         shutdown_due_ != shutdown_sent_ || (can_read() && credit() > 0);
}

VsockConnection::Fate VsockConnection::fill(std::span<const iovec> buffers, VsockHeader& header) {
  header.op = VsockOp::kInvalid;
  if (std::exchange(request_due_, false)) {
    known_to_guest_ = true;
    fill_header(header, VsockOp::kRequest);
  } else if (std::exchange(response_due_, false)) {
    fill_header(header, VsockOp::kResponse);
  } else if (shutdown_due_ != shutdown_sent_) {
    fill_shutdown(header);
  } else if (can_read() && credit() > 0) {
    const Fate fate = fill_data(buffers, header);
    if (fate != Fate::kStays) {
      return fate;
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
  return Fate::kStays;
}

VsockConnection::Fate VsockConnection::fill_data(std::span<const iovec> buffers,
                                                 VsockHeader& header) {
  BufferList room = part_of(buffers, kVsockHeaderSize, std::min(credit(), kMaxPayload));
  const ssize_t count = receive_buffers(socket_.get(), room);
  if (count > 0) {
    sent_ += static_cast<std::uint32_t>(count);
    fill_header(header, VsockOp::kData);
    header.length = static_cast<std::uint32_t>(count);
    return Fate::kStays;
  }
  readable_ = false;
  if (count < 0) {
    return errno == EAGAIN ? Fate::kStays : give_up();
  }
  shutdown_due_ |= hung_up_ ? kVsockNeither : kVsockNoSend;
  settle();
  return Fate::kStays;
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
  told_forwarded_ = forwarded_;
  update_due_ = false;
}

void VsockConnection::flush() noexcept {
  while (kept() > 0) {
    const ssize_t count = ::send(socket_.get(), kept_.data() + kept_start_, kept(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return errno == EAGAIN ? watch_output(true) : drop_output();
    }
    kept_start_ += static_cast<std::size_t>(count);
    count_forwarded(static_cast<std::size_t>(count));
  }
  if (kept_.capacity() > 0) {
    kept_ =
        std::vector<std::byte>();  // a stalled reader is the exception: its memory is given back
    kept_start_ = 0;
  }
  watch_output(false);
}

void VsockConnection::keep(std::span<const iovec> buffers) {
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(kept_start_));
  kept_start_ = 0;
  kept_.reserve(window_);
  for (const iovec& buffer : buffers) {
    const auto* bytes = static_cast<const std::byte*>(buffer.iov_base);
    kept_.insert(kept_.end(), bytes, bytes + buffer.iov_len);
  }
  watch_output(true);
}

void VsockConnection::drop_output() noexcept {
  output_over_ = true;
  count_forwarded(kept());
  kept_ = std::vector<std::byte>();
  kept_start_ = 0;
  shutdown_due_ |= kVsockNoReceive;
  settle();
}

void VsockConnection::watch_output(bool on) noexcept {
  if (std::exchange(watching_output_, on) != on) {
    poll_.watch_output(socket_.get(), id_, on);
  }
}

void VsockConnection::count_forwarded(std::size_t bytes) noexcept {
  forwarded_ += static_cast<std::uint32_t>(bytes);
  // Half a window: the guest never waits long for room, and seldom needs a packet for it alone.
  update_due_ = update_due_ || forwarded_ - told_forwarded_ >= window_ / 2;
}

void VsockConnection::settle() noexcept {
  if ((guest_shutdown_ & kVsockNoSend) != 0 && kept() == 0 && !std::exchange(output_over_, true)) {
    ::shutdown(socket_.get(), SHUT_WR);
  }
  const bool input_over =
      (shutdown_due_ & kVsockNoSend) != 0 || (guest_shutdown_ & kVsockNoReceive) != 0;
  if (output_over_ && input_over) {
    shutdown_due_ = kVsockNeither;
  }
}

std::uint32_t VsockConnection::credit() const noexcept {
  // Wraps as the counts do (5.10.6.3). A guest that says it has forwarded more than it got has
  // none.
  const std::uint32_t outstanding = sent_ - guest_forwarded_;
  return outstanding < guest_window_ ? guest_window_ - outstanding : 0;
}

bool VsockConnection::can_read() const noexcept {
  return state_ == State::kOpen && readable_ && (shutdown_due_ & kVsockNoSend) == 0 &&
         (guest_shutdown_ & kVsockNoReceive) == 0;
}

}  // namespace bothy::virtio
