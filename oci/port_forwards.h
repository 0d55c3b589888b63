// PortForwards: the ports on which a guest listens, on the loopback addresses of its pod's network
// namespace: engines forward ports by connecting there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "base/fd_watch.h"
#include "base/timer.h"
#include "base/unique_fd.h"

namespace bothy::oci {

// For the executor's thread. The guest is not trusted: it says which ports, at most
// agent::kMaxPorts and not more often than each half a second to any effect, and no more than
// agent::kMaxConnections are served at a time; others wait.
class PortForwards {
 public:
  struct Hooks {
    // Sockets that listen at the port.
    std::function<std::vector<UniqueFd>(std::uint16_t port)> listen;
    // Asks the guest for a stream that is connected to its port: on_stream() follows.
    std::function<void(std::uint32_t connection, std::uint16_t port)> connect;
    // No stream of the connection is expected any more.
    std::function<void(std::uint32_t connection)> forget;
  };
  // Connections are numbered from this on, and processes below.
  static constexpr std::uint32_t kFirst = 1U << 31U;

  PortForwards(boost::asio::io_context& executor, Clock& clock, Hooks hooks);
  PortForwards(const PortForwards&) = delete;
  PortForwards& operator=(const PortForwards&) = delete;
  ~PortForwards();

  // Those on which the guest listens from now on. Connections that there are stay.
  void set_ports(std::span<const std::uint16_t> ports);
  void on_stream(std::uint32_t connection, UniqueFd stream);

 private:
  struct Connection;

  void apply_ports();
  void wait_for_clients();
  void wait_for_client(FdWatch& listener, std::uint16_t port);
  void accept(FdWatch& listener, std::uint16_t port);
  void advance(Connection& connection);
  void remove(std::uint32_t number);

  boost::asio::io_context& executor_;
  Clock& clock_;
  const Hooks hooks_;
  std::set<std::uint16_t> wanted_;
  std::map<std::uint16_t, std::vector<std::unique_ptr<FdWatch>>> listeners_;
  std::map<std::uint32_t, std::unique_ptr<Connection>> connections_;
  std::uint32_t next_ = kFirst;
  Timer apply_timer_;   // while it runs, no ports are applied
  Timer accept_timer_;  // after a failure
};

}  // namespace bothy::oci
