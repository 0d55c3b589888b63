#include "devices/host/net/packet_socket.h"

#include <endian.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace bothy {
namespace {

constexpr std::size_t kLength = sizeof(std::uint32_t);
constexpr std::size_t kMaxFrame = PacketPort::kMaxBytes - PacketPort::kHeader;
constexpr std::size_t kInbox = 2 * (kLength + kMaxFrame);

PacketOutcome outcome_of(int error_number) noexcept {
  switch (error_number) {
    case EAGAIN:
    case EINTR:
      return PacketOutcome::kAgain;
    case EMSGSIZE:
    case ENOBUFS:
    case ENOMEM:
    case EFAULT:
      return PacketOutcome::kDropped;
    default:
      return PacketOutcome::kGone;
  }
}

msghdr message_of(std::vector<iovec>& buffers) noexcept {
  msghdr message{};
  message.msg_iov = buffers.data();
  message.msg_iovlen = buffers.size();
  return message;
}

// Appends the parts of `all` after its first `skipped` bytes.
void take_after(std::size_t skipped, std::span<const iovec> all, std::vector<iovec>& to) {
  for (const iovec& buffer : all) {
    const std::size_t cut = std::min(skipped, buffer.iov_len);
    skipped -= cut;
    if (cut < buffer.iov_len) {
      to.push_back({static_cast<std::byte*>(buffer.iov_base) + cut, buffer.iov_len - cut});
    }
  }
}

void copy_out(std::span<const std::byte> from, std::span<const iovec> to) noexcept {
  for (const iovec& buffer : to) {
    const std::size_t length = std::min(from.size(), buffer.iov_len);
    std::memcpy(buffer.iov_base, from.data(), length);
    from = from.subspan(length);
    if (from.empty()) {
      return;
    }
  }
}

// No offloads: all zero; the device sets num_buffers.
void clear_header(std::span<const iovec> buffers) noexcept {
  constexpr std::array<std::byte, PacketPort::kHeader> kNone{};
  copy_out(kNone, buffers);
}

}  // namespace

Result<std::unique_ptr<PacketSocket>> PacketSocket::adopt(UniqueFd socket, std::string what) {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof(int);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 ||
      ::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || domain != AF_UNIX) {
    return make_error(ErrorCode::kInvalid, "descriptor {} is not a unix socket", socket.get());
  }
  sockaddr_storage peer{};
  size = sizeof(peer);
  if (::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    return make_error(ErrorCode::kInvalid, "socket {} is not connected", socket.get());
  }
  return std::unique_ptr<PacketSocket>(new PacketSocket(std::move(socket), std::move(what), type));
}

PacketSocket::PacketSocket(UniqueFd socket, std::string what, int type)
    : socket_(std::move(socket)),
      what_(std::move(what)),
      type_(type),
      inbox_(type == SOCK_STREAM ? std::make_unique_for_overwrite<std::byte[]>(kInbox) : nullptr) {}

ReceivedPacket PacketSocket::receive(std::span<const iovec> buffers) noexcept {
  return type_ == SOCK_STREAM ? receive_from_stream(buffers) : receive_datagram(buffers);
}

ReceivedPacket PacketSocket::receive_datagram(std::span<const iovec> buffers) noexcept {
  buffers_.clear();
  take_after(kHeader, buffers, buffers_);
  msghdr message = message_of(buffers_);
  const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
  if (got < 0) {
    return {outcome_of(errno), 0};
  }
  // SOCK_SEQPACKET reports a closed peer as an empty packet; SOCK_DGRAM has empty datagrams.
  if (got == 0) {
    return {type_ == SOCK_SEQPACKET ? PacketOutcome::kGone : PacketOutcome::kDropped, 0};
  }
  if ((message.msg_flags & MSG_TRUNC) != 0 || static_cast<std::size_t>(got) > kMaxFrame) {
    return {PacketOutcome::kDropped, 0};
  }
  clear_header(buffers);
  return {PacketOutcome::kDone, kHeader + static_cast<std::size_t>(got)};
}

ReceivedPacket PacketSocket::receive_from_stream(std::span<const iovec> buffers) noexcept {
  PacketOutcome outcome = fill_inbox(kLength);
  if (outcome != PacketOutcome::kDone) {
    return {outcome, 0};
  }
  std::uint32_t length = 0;
  std::memcpy(&length, inbox_.get() + inbox_begin_, sizeof(length));
  length = be32toh(length);
  // The start of the next packet can't be found.
  if (length == 0 || length > kMaxFrame) {
    return {PacketOutcome::kGone, 0};
  }
  outcome = fill_inbox(kLength + length);
  if (outcome != PacketOutcome::kDone) {
    return {outcome, 0};
  }
  buffers_.clear();
  take_after(kHeader, buffers, buffers_);
  clear_header(buffers);
  copy_out({inbox_.get() + inbox_begin_ + kLength, length}, buffers_);
  inbox_begin_ += kLength + length;
  return {PacketOutcome::kDone, kHeader + length};
}

PacketOutcome PacketSocket::fill_inbox(std::size_t wanted) noexcept {
  while (inbox_end_ - inbox_begin_ < wanted) {
    if (inbox_begin_ == inbox_end_) {
      inbox_begin_ = inbox_end_ = 0;
    } else if (kInbox - inbox_begin_ < wanted) {
      std::memmove(inbox_.get(), inbox_.get() + inbox_begin_, inbox_end_ - inbox_begin_);
      inbox_end_ -= inbox_begin_;
      inbox_begin_ = 0;
    }
    const ssize_t got =
        ::recv(socket_.get(), inbox_.get() + inbox_end_, kInbox - inbox_end_, MSG_DONTWAIT);
    if (got <= 0) {
      return got == 0 ? PacketOutcome::kGone : outcome_of(errno);
    }
    inbox_end_ += static_cast<std::size_t>(got);
  }
  return PacketOutcome::kDone;
}

PacketOutcome PacketSocket::send(std::span<const iovec> packet) noexcept {
  PacketOutcome outcome = flush();
  if (outcome != PacketOutcome::kDone) {
    return outcome;
  }
  std::uint32_t length = 0;
  buffers_.clear();
  if (type_ == SOCK_STREAM) {
    buffers_.push_back({&length, sizeof(length)});
  }
  take_after(kHeader, packet, buffers_);
  std::size_t total = 0;
  for (const iovec& buffer : buffers_) {
    total += buffer.iov_len;
  }
  const std::size_t frame = type_ == SOCK_STREAM ? total - kLength : total;
  if (frame == 0) {
    return PacketOutcome::kDropped;
  }
  length = htobe32(static_cast<std::uint32_t>(frame));
  msghdr message = message_of(buffers_);
  const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0) {
    return outcome_of(errno);
  }
  if (static_cast<std::size_t>(sent) < total) {
    keep_rest(static_cast<std::size_t>(sent));
  }
  return PacketOutcome::kDone;
}

void PacketSocket::keep_rest(std::size_t sent) noexcept {
  std::vector<iovec> left;
  take_after(sent, buffers_, left);
  rest_.clear();
  rest_begin_ = 0;
  for (const iovec& buffer : left) {
    const auto* bytes = static_cast<const std::byte*>(buffer.iov_base);
    rest_.insert(rest_.end(), bytes, bytes + buffer.iov_len);
  }
}

PacketOutcome PacketSocket::flush() noexcept {
  while (rest_begin_ < rest_.size()) {
    const ssize_t sent = ::send(socket_.get(), rest_.data() + rest_begin_,
                                rest_.size() - rest_begin_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      return outcome_of(errno);
    }
    rest_begin_ += static_cast<std::size_t>(sent);
  }
  return PacketOutcome::kDone;
}

}  // namespace bothy
