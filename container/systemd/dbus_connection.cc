#include "container/systemd/dbus_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/files.h"
#include "base/poll_timeout.h"
#include "base/unix_listener.h"

namespace bothy::container {
namespace {

using std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(30);
constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxSignals = 4096;
constexpr const char* kBus = "org.freedesktop.DBus";

// Until the socket is ready for `events`.
Result<void> wait(int socket, short events, steady_clock::time_point deadline) {
  for (;;) {
    pollfd ready{socket, events, 0};
    const int count = ::poll(&ready, 1, poll_timeout(deadline - steady_clock::now()));
    if (count > 0) {
      return success();
    }
    if (count == 0) {
      return make_error(ErrorCode::kBusy, "systemd doesn't answer within {} s", kPatience.count());
    }
    if (errno != EINTR) {
      return errno_error("can't wait for systemd");
    }
  }
}

Error closed() {
  return make_error(ErrorCode::kSystem, "systemd closed the connection");
}

}  // namespace

Result<DBusConnection> DBusConnection::connect(const std::string& path, Peer peer) {
  BOTHY_TRY(UniqueFd socket, connect_unix(path));
  BOTHY_TRY(set_nonblocking(socket.get()));
  DBusConnection connection(std::move(socket), peer);
  BOTHY_TRY(connection.authenticate(steady_clock::now() + kPatience));
  if (peer == Peer::kBus) {
    BOTHY_TRY(const DBusMessage hello,
              connection.call({kBus, "/org/freedesktop/DBus", kBus, "Hello", ""}));
    if (hello.type == DBusMessage::Type::kError) {
      return make_error(ErrorCode::kPermission, "the message bus refuses the connection: {}",
                        printable(hello.error_text()));
    }
  }
  return connection;
}

// EXTERNAL without an identity of its own: it is that of the socket's other side. All of it at
// once, as systemd's own library sends it: systemd 252 doesn't see a call that it reads together
// with BEGIN.
Result<void> DBusConnection::authenticate(Deadline deadline) {
  constexpr char kDialogue[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
  BOTHY_TRY(send(std::string_view(kDialogue, sizeof(kDialogue) - 1), deadline));
  BOTHY_TRY(std::string answer, line(deadline));
  if (answer.starts_with("DATA")) {
    BOTHY_TRY(answer, line(deadline));
  }
  if (!answer.starts_with("OK")) {
    return make_error(ErrorCode::kPermission, "systemd doesn't let this user in: {}",
                      printable(answer));
  }
  return success();
}

Result<void> DBusConnection::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EAGAIN) {
      BOTHY_TRY(wait(socket_.get(), POLLOUT, deadline));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return closed();
    } else if (errno != EINTR) {
      return errno_error("can't write to systemd");
    }
  }
  return success();
}

Result<void> DBusConnection::receive(Deadline deadline) {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) {
      input_.append(buffer.data(), static_cast<std::size_t>(count));
      return success();
    }
    if (count == 0 || errno == ECONNRESET) {
      return closed();
    }
    if (errno == EAGAIN) {
      BOTHY_TRY(wait(socket_.get(), POLLIN, deadline));
    } else if (errno != EINTR) {
      return errno_error("can't read from systemd");
    }
  }
}

Result<std::string> DBusConnection::line(Deadline deadline) {
  std::size_t end = 0;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (input_.size() > kMaxLine) {
      return make_error(ErrorCode::kBadInput, "systemd's answer to the log-in is too long");
    }
    BOTHY_TRY(receive(deadline));
  }
  std::string text = input_.substr(0, end);
  input_.erase(0, end + 2);
  return text;
}

Result<DBusMessage> DBusConnection::message(Deadline deadline) {
  for (;;) {
    BOTHY_TRY(const auto size, message_size(input_));
    if (size && *size <= input_.size()) {
      Result<DBusMessage> decoded = decode(std::string_view(input_).substr(0, *size));
      input_.erase(0, *size);
      return decoded;
    }
    BOTHY_TRY(receive(deadline));
  }
}

Result<DBusMessage> DBusConnection::call(const DBusCall& call) {
  const Deadline deadline = steady_clock::now() + kPatience;
  DBusCall addressed = call;
  if (peer_ == Peer::kService) {
    addressed.destination.clear();
  }
  const std::vector<std::uint8_t> bytes = encode(addressed, ++serial_);
  BOTHY_TRY(send({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, deadline));
  for (;;) {
    BOTHY_TRY(DBusMessage received, message(deadline));
    const bool reply =
        received.type == DBusMessage::Type::kReturn || received.type == DBusMessage::Type::kError;
    if (reply && received.reply_serial == serial_) {
      return received;
    }
    if (received.type == DBusMessage::Type::kSignal && received.member == signal_member_) {
      if (signals_.size() == kMaxSignals) {
        signals_.pop_front();
      }
      signals_.push_back(std::move(received));
    }
  }
}

Result<void> DBusConnection::subscribe(const std::string& sender, const std::string& interface,
                                       const std::string& member) {
  signal_member_ = member;
  if (peer_ == Peer::kService) {
    return success();
  }
  DBusCall add{kBus, "/org/freedesktop/DBus", kBus, "AddMatch", "s"};
  add.body.put_text(fmt::format("type='signal',sender='{}',interface='{}',member='{}'", sender,
                                interface, member));
  BOTHY_TRY(const DBusMessage reply, call(add));
  if (reply.type == DBusMessage::Type::kError) {
    return make_error(ErrorCode::kSystem, "the message bus refuses a subscription: {}",
                      printable(reply.error_text()));
  }
  return success();
}

Result<DBusMessage> DBusConnection::wait_for(
    const std::function<bool(const DBusMessage&)>& wanted) {
  const Deadline deadline = steady_clock::now() + kPatience;
  for (;;) {
    if (signals_.empty()) {
      BOTHY_TRY(DBusMessage received, message(deadline));
      if (received.type == DBusMessage::Type::kSignal && received.member == signal_member_) {
        signals_.push_back(std::move(received));
      }
      continue;
    }
    DBusMessage signal = std::move(signals_.front());
    signals_.pop_front();
    if (wanted(signal)) {
      return signal;
    }
  }
}

}  // namespace bothy::container
