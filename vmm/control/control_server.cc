#include "vmm/control/control_server.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <vector>

namespace bothy {
namespace {

using boost::asio::posix::stream_descriptor;

Error bad_request(std::string_view what) {
  return make_error(ErrorCode::kInvalid, "a request is {}", what);
}

Result<std::vector<std::string>> texts(const boost::json::value* list) {
  std::vector<std::string> result;
  if (list == nullptr) {
    return result;
  }
  if (!list->is_array()) {
    return bad_request("one whose \"arguments\" are an array of texts");
  }
  for (const auto& element : list->get_array()) {
    if (!element.is_string()) {
      return bad_request("one whose \"arguments\" are an array of texts");
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
      return make_error(ErrorCode::kSystem, "the machine has hung up without an answer");
    }
    line.append(piece.data(), static_cast<std::size_t>(got));
  }
  return line;
}

}  // namespace

struct ControlServer::Client {
  Client(boost::asio::io_context& executor, UniqueFd fd) : socket(executor, fd.release()) {}

  stream_descriptor socket;
  std::string received;
};

Result<std::unique_ptr<ControlServer>> ControlServer::create(boost::asio::io_context& executor,
                                                             const std::string& path,
                                                             ControlCommands commands) {
  BOTHY_TRY(UnixListener listener, UnixListener::bind("--control", path));
  return std::unique_ptr<ControlServer>(
      new ControlServer(executor, std::move(listener), std::move(commands)));
}

ControlServer::ControlServer(boost::asio::io_context& executor, UnixListener listener,
                             ControlCommands commands)
    : executor_(executor),
      commands_(std::move(commands)),
      acceptor_(executor, std::move(listener),
                [this](UniqueFd socket) { add_client(std::move(socket)); }) {}

ControlServer::~ControlServer() = default;

void ControlServer::add_client(UniqueFd socket) {
  if (clients_.size() < kMaxClients) {
    const auto client = std::make_shared<Client>(executor_, std::move(socket));
    clients_.insert(client);
    wait_for_request(client);
  }
}

void ControlServer::wait_for_request(const std::shared_ptr<Client>& client) {
  client->socket.async_wait(stream_descriptor::wait_read,
                            [this, client](boost::system::error_code error) {
                              if (error) {
                                return;
                              }
                              if (serve(*client)) {
                                wait_for_request(client);
                              } else {
                                clients_.erase(client);
                              }
                            });
}

bool ControlServer::serve(Client& client) const {
  std::array<char, 4096> piece{};
  const int fd = client.socket.native_handle();
  const ssize_t got = ::recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
  if (got <= 0) {
    return got < 0 && errno == EAGAIN;
  }
  std::string& received = client.received;
  received.append(piece.data(), static_cast<std::size_t>(got));
  for (auto end = received.find('\n'); end != std::string::npos; end = received.find('\n')) {
    // One who doesn't read the answers is cut off: nobody waits for a client.
    if (!send_all(fd, answer(std::string_view(received).substr(0, end)))) {
      return false;
    }
    received.erase(0, end + 1);
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
    return bad_request("one with a \"command\"");
  }
  BOTHY_TRY(const auto arguments, texts(request.get_object().if_contains("arguments")));
  const std::string_view command(name->get_string());
  if (command == "help") {
    return help();
  }
  const auto found = commands_.find(command);
  if (found == commands_.end()) {
    return make_error(ErrorCode::kInvalid, "no command '{}' here ('help' lists them)", command);
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

Result<boost::json::value> ask_control(const std::string& path, const std::string& command,
                                       std::span<const std::string> arguments) {
  BOTHY_TRY(const UniqueFd fd, connect_unix(path));
  boost::json::object request;
  request["command"] = command;
  request["arguments"] = boost::json::array(arguments.begin(), arguments.end());
  if (!send_all(fd.get(), boost::json::serialize(request) + "\n")) {
    return errno_error("can't ask the machine at " + path);
  }
  BOTHY_TRY(const std::string line, receive_line(fd.get()));
  boost::system::error_code error;
  const auto answer = boost::json::parse(line, error);
  const auto* object = error ? nullptr : answer.if_object();
  const auto* ok = object == nullptr ? nullptr : object->if_contains("ok");
  if (ok == nullptr || !ok->is_bool()) {
    return make_error(ErrorCode::kSystem, "what listens on {} is no machine's control socket",
                      path);
  }
  if (const auto* result = object->if_contains("result"); ok->get_bool() && result != nullptr) {
    return *result;
  }
  const auto* why = object->if_contains("error");
  return make_error(ErrorCode::kInvalid, "{}",
                    why != nullptr && why->is_string() ? std::string(why->get_string()) : line);
}

}  // namespace bothy
