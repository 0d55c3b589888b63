// ControlServer: the control socket of a running machine.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <list>
#include <memory>
#include <span>
#include <string>

#include "base/acceptor.h"
#include "base/control_commands.h"
#include "base/result.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"

namespace bothy {

// A request is one JSON object on a line, and so is its answer, in the order of the requests:
//
//   {"command": "balloon", "arguments": ["256M"]}
//   {"ok": true, "result": ...}    or    {"ok": false, "error": "..."}
//
// `help` lists the commands. Everything runs on the executor. A client is disconnected when it
// sends a line of more than kMaxLine bytes, has no room for an answer, or completes no request for
// kIdleTimeout; a client beyond kMaxClients is disconnected at once.
class ControlServer {
 public:
  static constexpr std::size_t kMaxLine = 64U << 10U;
  static constexpr std::size_t kMaxClients = 16;
  static constexpr std::chrono::seconds kIdleTimeout{60};

  // The executor and the clock outlive the server.
  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> create(
      boost::asio::io_context& executor, const std::string& path, ControlCommands commands,
      Clock& clock = Clock::steady());
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  // The answer to one request, with a newline.
  [[nodiscard]] std::string answer(std::string_view line) const;

 private:
  struct Client;
  using Clients = std::list<Client>;

  ControlServer(boost::asio::io_context& executor, UnixListener listener, ControlCommands commands,
                Clock& clock);

  void add_client(UniqueFd socket);
  void wait_for_request(Clients::iterator client);
  // False when the client must be disconnected.
  [[nodiscard]] bool serve(Client& client);
  void start_deadline(Clients::iterator client);
  [[nodiscard]] Result<boost::json::value> run(std::string_view line) const;
  [[nodiscard]] boost::json::value help() const;

  boost::asio::io_context& executor_;
  Clock& clock_;
  const ControlCommands commands_;
  Clients clients_;
  Acceptor acceptor_;
};

// Sends one command to the server at `path`; the result or the error that it answers.
[[nodiscard]] Result<boost::json::value> send_control_command(
    const std::string& path, const std::string& command, std::span<const std::string> arguments);

}  // namespace bothy
