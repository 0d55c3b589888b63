#include "vmm/control/control_server.h"

#include <sys/socket.h>

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>
#include <vector>

#include "base/fd_watch.h"

namespace bothy {
namespace {

Error bad_request(std::string_view expected) {
  return make_error(ErrorCode::kInvalid, "invalid request: expected {}", expected);
}

Result<std::vector<std::string>> texts(const boost::json::value* list) {
  std::vector<std::string> result;
  if (list == nullptr) {
    return result;
  }
  if (!list->is_array()) {
    return bad_request("\"arguments\" to be an array of strings");
  }
  for (const auto& element : list->get_array()) {
    if (!element.is_string()) {
      return bad_request("\"arguments\" to be an array of strings");
    }
    result.emplace_back(element.get_string());
  }
  return result;
}

bool send_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

Result<std::string> receive_line(int fd) {
  std::string line;
  std::array<char, 4096> piece{};
  while (line.find('\n') == std::string::npos) {
    const ssize_t got = ::recv(fd, piece.data(), piece.size(), 0);
    if (got <= 0) {
      return make_error(ErrorCode::kSystem,
                        "the machine closed its control socket without an answer");
    }
    line.append(piece.data(), static_cast<std::size_t>(got));
  }
  return line;
}

}  // namespace

struct ControlServer::Client {
  Client(boost::asio::io_context& executor, Clock& clock)
      : watch(executor), deadline(executor, clock) {}

  FdWatch watch;
  Timer deadline;
  std::string received;
  bool served = false;  // a request has been completed since the deadline was set
};

Result<std::unique_ptr<ControlServer>> ControlServer::create(boost::asio::io_context& executor,
                                                             const std::string& path,
                                                             ControlCommands commands,
                                                             Clock& clock) {
  BOTHY_TRY(UnixListener listener, UnixListener::bind("--control", path));
  return std::unique_ptr<ControlServer>(
      new ControlServer(executor, std::move(listener), std::move(commands), clock));
}

ControlServer::ControlServer(boost::asio::io_context& executor, UnixListener listener,
                             ControlCommands commands, Clock& clock)
    : executor_(executor),
      clock_(clock),
      commands_(std::move(commands)),
      acceptor_(executor, std::move(listener),
                [this](UniqueFd socket) { add_client(std::move(socket)); }) {}

ControlServer::~ControlServer() = default;

void ControlServer::add_client(UniqueFd socket) {
  if (clients_.size() >= kMaxClients) {
    return;
  }
  const auto client = clients_.emplace(clients_.end(), executor_, clock_);
  if (!client->watch.own(std::move(socket))) {
    clients_.erase(client);
    return;
  }
  start_deadline(client);
  wait_for_request(client);
}

void ControlServer::start_deadline(Clients::iterator client) {
  client->deadline.start(kIdleTimeout, [this, client] { clients_.erase(client); });
}

void ControlServer::wait_for_request(Clients::iterator client) {
  client->watch.wait(FdWatch::Event::kReadable, [this, client] {
    if (!serve(*client)) {
      clients_.erase(client);
      return;
    }
    if (std::exchange(client->served, false)) {
      start_deadline(client);
    }
    wait_for_request(client);
  });
}

bool ControlServer::serve(Client& client) {
  std::array<char, 4096> piece{};
  const int fd = client.watch.fd();
  const ssize_t got = ::recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
  if (got <= 0) {
    return got < 0 && errno == EAGAIN;
  }
  std::string& received = client.received;
  received.append(piece.data(), static_cast<std::size_t>(got));
  for (auto end = received.find('\n'); end != std::string::npos; end = received.find('\n')) {
    // The executor never waits for a client's room.
    if (!send_all(fd, answer(std::string_view(received).substr(0, end)))) {
      return false;
    }
    received.erase(0, end + 1);
    client.served = true;
  }
  return received.size() <= kMaxLine;
}

std::string ControlServer::answer(std::string_view line) const {
  boost::json::object object;
  auto result = run(line);
  object["ok"] = result.has_value();
  if (result) {
    object["result"] = std::move(result).value();
  } else {
    object["error"] = result.error().context;
  }
  return boost::json::serialize(object) + "\n";
}

Result<boost::json::value> ControlServer::run(std::string_view line) const {
  boost::system::error_code error;
  const auto request = boost::json::parse({line.data(), line.size()}, error);
  if (error || !request.is_object()) {
    return bad_request("one JSON object on a line");
  }
  const auto* name = request.get_object().if_contains("command");
  if (name == nullptr || !name->is_string()) {
    return bad_request("a \"command\" that is a string");
  }
  BOTHY_TRY(const auto arguments, texts(request.get_object().if_contains("arguments")));
  const std::string_view command(name->get_string());
  if (command == "help") {
    return help();
  }
  const auto found = commands_.find(command);
  if (found == commands_.end()) {
    return make_error(ErrorCode::kInvalid, "unknown command '{}': 'help' lists the commands",
                      command);
  }
  return found->second.run(arguments);
}

boost::json::value ControlServer::help() const {
  boost::json::object object;
  for (const auto& [name, command] : commands_) {
    object[name] = command.usage;
  }
  return object;
}

Result<boost::json::value> send_control_command(const std::string& path, const std::string& command,
                                                std::span<const std::string> arguments) {
  BOTHY_TRY(const UniqueFd fd, connect_unix(path));
  boost::json::object request;
  request["command"] = command;
  request["arguments"] = boost::json::array(arguments.begin(), arguments.end());
  if (!send_all(fd.get(), boost::json::serialize(request) + "\n")) {
    return errno_error(fmt::format("can't write to the control socket '{}'", path));
  }
  BOTHY_TRY(const std::string line, receive_line(fd.get()));
  boost::system::error_code error;
  const auto answer = boost::json::parse(line, error);
  const auto* object = error ? nullptr : answer.if_object();
  const auto* ok = object == nullptr ? nullptr : object->if_contains("ok");
  if (ok == nullptr || !ok->is_bool()) {
    return make_error(ErrorCode::kSystem,
                      "unexpected answer from '{}': not the control socket of a machine", path);
  }
  if (const auto* result = object->if_contains("result"); ok->get_bool() && result != nullptr) {
    return *result;
  }
  const auto* reason = object->if_contains("error");
  return make_error(
      ErrorCode::kInvalid, "{}",
      reason != nullptr && reason->is_string() ? std::string(reason->get_string()) : line);
}

}  // namespace bothy
