#include "oci/port_forwards.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "guest/protocol/agent.h"
#include "oci/relay.h"

namespace bothy::oci {
namespace {

constexpr std::chrono::milliseconds kBetweenPorts{500};
constexpr std::chrono::milliseconds kBetweenFailures{100};
constexpr std::chrono::seconds kPatience{10};  // with a guest that is asked for a stream

}  // namespace

struct PortForwards::Connection {
  // From one end to the other.
  struct Direction {
    Direction(FdWatch& from_end, FdWatch& to_end)
        : from(from_end), to(to_end), relay(from_end.fd(), to_end.fd()) {}
    FdWatch& from;
    FdWatch& to;
    Relay relay;
    bool ended = false;
  };

  Connection(boost::asio::io_context& executor, Clock& clock)
      : client(executor), guest(executor), patience(executor, clock) {}

  std::uint32_t number = 0;
  FdWatch client;
  FdWatch guest;  // nothing until the guest has connected
  Timer patience;
  bool hung_up = false;  // by the guest, in both directions
  std::unique_ptr<Direction> in;
  std::unique_ptr<Direction> out;
};

PortForwards::PortForwards(boost::asio::io_context& executor, Clock& clock, Hooks hooks)
    : executor_(executor),
      clock_(clock),
      hooks_(std::move(hooks)),
      apply_timer_(executor, clock),
      accept_timer_(executor, clock) {}

PortForwards::~PortForwards() = default;

void PortForwards::set_ports(std::span<const std::uint16_t> ports) {
  wanted_ = {ports.begin(), ports.end()};
  wanted_.erase(0);
  if (!apply_timer_.is_running()) {
    apply_ports();
  }
}

void PortForwards::apply_ports() {
  bool changed = std::erase_if(listeners_, [this](const auto& listener) {
                   return !wanted_.contains(listener.first);
                 }) > 0;
  for (const std::uint16_t port : wanted_) {
    if (listeners_.contains(port)) {
      continue;
    }
    changed = true;
    auto& listeners = listeners_[port];
    for (UniqueFd& socket : hooks_.listen(port)) {
      auto listener = std::make_unique<FdWatch>(executor_);
      if (listener->own(std::move(socket))) {
        wait_for_client(*listener, port);
        listeners.push_back(std::move(listener));
      }
    }
  }
  if (changed) {
    apply_timer_.start(kBetweenPorts, [this] { apply_ports(); });
  }
}

void PortForwards::wait_for_clients() {
  for (const auto& [port, listeners] : listeners_) {
    for (const auto& listener : listeners) {
      wait_for_client(*listener, port);
    }
  }
}

void PortForwards::wait_for_client(FdWatch& listener, std::uint16_t port) {
  listener.wait(FdWatch::Event::kReadable, [this, &listener, port] { accept(listener, port); });
}

// Without room nothing waits for clients until a connection ends.
void PortForwards::accept(FdWatch& listener, std::uint16_t port) {
  if (connections_.size() >= agent::kMaxConnections) {
    return;
  }
  UniqueFd client(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client && errno != EAGAIN) {
    return accept_timer_.start(kBetweenFailures, [this] { wait_for_clients(); });
  }
  wait_for_client(listener, port);
  if (!client) {
    return;
  }
  const std::uint32_t number = next_;
  next_ = next_ == UINT32_MAX ? kFirst : next_ + 1;
  auto connection = std::make_unique<Connection>(executor_, clock_);
  connection->number = number;
  if (!connection->client.own(std::move(client))) {
    return;
  }
  connection->patience.start(kPatience, [this, number] { remove(number); });
  connections_[number] = std::move(connection);
  hooks_.connect(number, port);
}

void PortForwards::on_stream(std::uint32_t number, UniqueFd stream) {
  const auto found = connections_.find(number);
  if (found == connections_.end() || found->second->guest.is_open()) {
    return;
  }
  Connection& connection = *found->second;
  connection.patience.cancel();
  hooks_.forget(number);
  int on = 1;
  if (::ioctl(stream.get(), FIONBIO, &on) != 0 || !connection.guest.own(std::move(stream))) {
    return remove(number);
  }
  using Direction = Connection::Direction;
  connection.in = std::make_unique<Direction>(connection.client, connection.guest);
  connection.out = std::make_unique<Direction>(connection.guest, connection.client);
  connection.guest.wait(FdWatch::Event::kHangUp, [this, &connection] {
    connection.hung_up = true;
    advance(connection);
  });
  advance(connection);
}

// Waits for what is to be moved next, and passes on ends. May remove the connection.
void PortForwards::advance(Connection& connection) {
  for (Connection::Direction* each : {connection.in.get(), connection.out.get()}) {
    if (each->relay.is_done()) {
      if (!std::exchange(each->ended, true)) {
        ::shutdown(each->to.fd(), SHUT_WR);
      }
      continue;
    }
    const auto turn = [this, &connection, each](bool readable) {
      return [this, &connection, each, readable] {
        each->relay.turn(readable);
        advance(connection);
      };
    };
    if (each->relay.wants_input()) {
      each->from.wait(FdWatch::Event::kReadable, turn(true));
    }
    if (each->relay.wants_output()) {
      each->to.wait(FdWatch::Event::kWritable, turn(false));
    }
  }
  if (connection.out->ended && (connection.in->ended || connection.hung_up)) {
    remove(connection.number);
  }
}

void PortForwards::remove(std::uint32_t number) {
  hooks_.forget(number);
  const bool was_full = connections_.size() >= agent::kMaxConnections;
  connections_.erase(number);
  if (was_full) {
    wait_for_clients();
  }
}

}  // namespace bothy::oci
