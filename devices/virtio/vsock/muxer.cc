#include "devices/virtio/vsock/muxer.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "devices/virtio/queue/buffers.h"

namespace bothy::virtio {
namespace {

// Host ports of connections that the host makes: a range apart from usual listening ports.
constexpr std::uint32_t kFirstHostPort = 1U << 30U;

std::uint64_t key_of(VsockPorts ports) noexcept {
  return std::uint64_t{ports.guest} << 32U | ports.host;
}

}  // namespace

void VsockMuxer::receive(std::span<const iovec> packet) {
  const auto header = read_vsock_header(packet);
  if (!header) {
    log_guest(limiter_, "vsock: dropped a packet that is shorter than its header");
    return;
  }
  // This device only connects the guest and the host.
  if (header->destination_cid != kVsockHostCid || header->source_cid != guest_cid_) {
    log_guest(limiter_, "vsock: dropped a packet from CID {} to CID {}", header->source_cid,
              header->destination_cid);
    return;
  }
  const std::uint64_t length = total_bytes(packet);
  VsockHeader checked = *header;
  if (checked.length > length - kVsockHeaderSize) {
    log_guest(limiter_, "vsock: reset a stream: a packet of {} bytes has a payload length of {}",
              length, checked.length);
    checked.op = VsockOp::kInvalid;  // the stream is incomplete: reset it
  }
  handle(checked, part_of(packet, kVsockHeaderSize, checked.length));
}

void VsockMuxer::handle(const VsockHeader& header, std::span<const iovec> payload) {
  const VsockPorts ports{header.source_port, header.destination_port};
  const auto found = header.type == kVsockStream ? by_ports_.find(key_of(ports)) : by_ports_.end();
  if (found != by_ports_.end()) {
    VsockConnection& connection = *found->second;
    apply(connection, connection.receive(header, payload));
  } else if (header.op == VsockOp::kRequest && header.type == kVsockStream) {
    connect_to_host(header);
  } else if (header.op != VsockOp::kReset) {
    // An unknown type (5.10.6.4), or no such connection.
    replies_.push_back({ports, header.type});
  }
}

void VsockMuxer::connect_to_host(const VsockHeader& request) {
  const VsockPorts ports{request.source_port, request.destination_port};
  int error = 0;
  UniqueFd socket;
  if (connections_.size() < max_connections_) {
    socket = host_.connect(ports.host, error);
  }
  const std::uint64_t id = next_id_++;
  if (!socket || !poll_.add(socket.get(), id)) {
    replies_.push_back({ports});
    return;
  }
  VsockConnection& connection = add(std::move(socket), id);
  connection.accept(request);
  by_ports_.emplace(key_of(ports), &connection);
  apply(connection, VsockConnection::Outcome::kKeep);
}

std::uint32_t VsockMuxer::send(std::span<const iovec> buffers) {
  VsockHeader header;
  if (!replies_.empty()) {
    const Reply reply = replies_.front();
    replies_.pop_front();
    header.source_port = reply.ports.host;
    header.destination_port = reply.ports.guest;
    header.type = reply.type;
    header.op = VsockOp::kReset;
  } else {
    while (header.op == VsockOp::kInvalid && replies_.empty() && !ready_.empty()) {
      VsockConnection& connection = ready_.front();
      ready_.pop_front();
      apply(connection, connection.fill(buffers, header));
    }
    if (header.op == VsockOp::kInvalid) {
      return 0;
    }
  }
  header.source_cid = kVsockHostCid;
  header.destination_cid = guest_cid_;
  write_vsock_header(buffers, header);
  return static_cast<std::uint32_t>(kVsockHeaderSize + header.length);
}

void VsockMuxer::on_event(const epoll_event& event) {
  if (event.data.u64 == kListener) {
    accept_waiting();
    return;
  }
  const std::uint64_t id = event.data.u64;  // a copy: epoll_event is packed
  const auto found = connections_.find(id);
  if (found == connections_.end()) {
    return;  // closed by an earlier event
  }
  VsockConnection& connection = *found->second;
  if (connection.state() == VsockConnection::State::kHandshake) {
    read_handshake(connection, (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  } else {
    apply(connection, connection.on_socket(event.events));
  }
}

void VsockMuxer::accept_waiting() {
  int error = 0;
  while (connections_.size() < max_connections_) {
    UniqueFd socket = host_.accept(error);
    if (!socket) {
      break;
    }
    const std::uint64_t id = next_id_++;
    if (poll_.add(socket.get(), id)) {
      read_handshake(add(std::move(socket), id), false);
    }
  }
  accept_stopped_ = error != EAGAIN;
}

void VsockMuxer::read_handshake(VsockConnection& connection, bool ended) {
  std::optional<std::uint32_t> guest_port;
  auto outcome = connection.read_handshake(guest_port);
  if (!guest_port && ended) {
    outcome = VsockConnection::Outcome::kClose;  // the line will stay incomplete
  }
  if (guest_port && outcome == VsockConnection::Outcome::kKeep) {
    const VsockPorts ports{*guest_port, free_host_port(*guest_port)};
    connection.request(ports);
    by_ports_.emplace(key_of(ports), &connection);
  }
  apply(connection, outcome);
}

VsockConnection& VsockMuxer::add(UniqueFd socket, std::uint64_t id) {
  const std::uint32_t window = choose_window();
  windows_ += window;
  auto connection = std::make_unique<VsockConnection>(id, std::move(socket), window, poll_);
  return *connections_.emplace(id, std::move(connection)).first->second;
}

std::uint32_t VsockMuxer::free_host_port(std::uint32_t guest_port) noexcept {
  // The loop ends: there are more ports than connections.
  for (;;) {
    const std::uint32_t port = kFirstHostPort + next_host_port_;
    next_host_port_ = (next_host_port_ + 1) % kFirstHostPort;
    if (!by_ports_.contains(key_of({guest_port, port}))) {
      return port;
    }
  }
}

std::uint32_t VsockMuxer::choose_window() const noexcept {
  const std::uint32_t left = kWindowPool - std::min(windows_, kWindowPool);
  return std::clamp(left / 64, kMinWindow, kMaxWindow);
}

void VsockMuxer::apply(VsockConnection& connection, VsockConnection::Outcome outcome) {
  switch (outcome) {
    case VsockConnection::Outcome::kKeep:
      if (!connection.is_linked() && connection.wants_to_send()) {
        ready_.push_back(connection);
      }
      return;
    case VsockConnection::Outcome::kDrain:
      replies_.push_back({connection.ports()});
      by_ports_.erase(key_of(connection.ports()));
      connection.unlink();
      return;
    case VsockConnection::Outcome::kReset:
      replies_.push_back({connection.ports()});
      [[fallthrough]];
    case VsockConnection::Outcome::kClose:
      remove(connection);
  }
}

void VsockMuxer::remove(VsockConnection& connection) {
  windows_ -= connection.window();
  const auto named = by_ports_.find(key_of(connection.ports()));
  if (named != by_ports_.end() && named->second == &connection) {
    by_ports_.erase(named);
  }
  connections_.erase(connection.id());
  if (std::exchange(accept_stopped_, false)) {
    accept_waiting();
  }
}

void VsockMuxer::close_all() noexcept {
  ready_.clear();
  replies_.clear();
  by_ports_.clear();
  connections_.clear();
  windows_ = 0;
}

}  // namespace bothy::virtio
