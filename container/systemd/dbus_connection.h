// DBusConnection: a connection to a message bus, or to a service that speaks D-Bus itself
// (D-Bus Specification, "Authentication Protocol" and "Message Bus Specification").
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/systemd/dbus_message.h"

namespace bothy::container {

// For one thread. A connection that has failed is of no further use.
class DBusConnection {
 public:
  enum class Peer : std::uint8_t { kBus, kService };

  // `path`: a unix socket. The other side learns the user from the socket, so that the root of a
  // user namespace is the user that it is outside.
  [[nodiscard]] static Result<DBusConnection> connect(const std::string& path, Peer peer);

  // Sends a call and waits, half a minute at most, for its reply: of type kReturn or kError.
  [[nodiscard]] Result<DBusMessage> call(const DBusCall& call);

  // Asks the bus for the signals of this name that `sender` sends from `interface`; a service sends
  // them unasked. They are kept for wait_for(). Other users of the bus can send such signals too,
  // to this connection alone: what one says is to be checked.
  [[nodiscard]] Result<void> subscribe(const std::string& sender, const std::string& interface,
                                       const std::string& member);
  // The first kept or coming signal that was subscribed to and for which `wanted` is true; half a
  // minute at most. Those before it are dropped.
  [[nodiscard]] Result<DBusMessage> wait_for(const std::function<bool(const DBusMessage&)>& wanted);

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  DBusConnection(UniqueFd socket, Peer peer) : socket_(std::move(socket)), peer_(peer) {}
  [[nodiscard]] Result<void> authenticate(Deadline deadline);
  [[nodiscard]] Result<void> send(std::string_view bytes, Deadline deadline);
  [[nodiscard]] Result<void> receive(Deadline deadline);  // at least one byte
  [[nodiscard]] Result<std::string> line(Deadline deadline);
  [[nodiscard]] Result<DBusMessage> message(Deadline deadline);

  UniqueFd socket_;
  Peer peer_;
  std::uint32_t serial_ = 0;
  std::string input_;          // bytes that haven't been used
  std::string signal_member_;  // of the signals that are kept
  std::deque<DBusMessage> signals_;
};

}  // namespace bothy::container
