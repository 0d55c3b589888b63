// ControlServer: the control socket, by which a running machine is asked and told things.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "base/acceptor.h"
#include "base/control_commands.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "base/unix_listener.h"

namespace bothy {

// A request is one JSON object on a line, and so is its answer, in the order of the requests:
//
//   {"command": "balloon", "arguments": ["256M"]}
//   {"ok": true, "result": ...}    or    {"ok": false, "error": "..."}
//
// `help` lists the commands. Everything runs on the executor. A line is at most kMaxLine long and
// there are at most kMaxClients at once; a client that asks for more is cut off.
class ControlServer {
 public:
  static constexpr std::size_t kMaxLine = 64 * 1024;
  static constexpr std::size_t kMaxClients = 16;

  [[nodiscard]] static Result<std::unique_ptr<ControlServer>> create(
      boost::asio::io_context& executor, const std::string& path, ControlCommands commands);
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;
  ~ControlServer();

  // The answer to one request.
  [[nodiscard]] std::string answer(std::string_view line) const;

 private:
  struct Client;

  ControlServer(boost::asio::io_context& executor, UnixListener listener, ControlCommands commands);

  void add_client(UniqueFd socket);
  void wait_for_request(const std::shared_ptr<Client>& client);
  // False when the client has gone, or must.
  [[nodiscard]] bool serve(Client& client) const;
  [[nodiscard]] Result<boost::json::value> run(std::string_view line) const;
  [[nodiscard]] boost::json::value help() const;

  boost::asio::io_context& executor_;
  const ControlCommands commands_;
  std::set<std::shared_ptr<Client>> clients_;
  Acceptor acceptor_;
};

// Asks the server at `path` once; what it answers, or its error.
[[nodiscard]] Result<boost::json::value> ask_control(const std::string& path,
                                                     const std::string& command,
                                                     std::span<const std::string> arguments);

}  // namespace bothy
