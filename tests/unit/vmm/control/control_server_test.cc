#include "vmm/control/control_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/executor.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace bothy {
namespace {

using test::TemporaryDirectory;

struct Served {
  TemporaryDirectory directory;
  std::string path = directory / "control";
  Executor executor{"test-control"};
  std::unique_ptr<ControlServer> server;

  Served() {
    ControlCommands commands;
    commands["double"] = {"double N: twice N",
                          [](std::span<const std::string> words) -> Result<boost::json::value> {
                            if (words.size() != 1) {
                              return make_error(ErrorCode::kInvalid, "double: expected one number");
                            }
                            return boost::json::value(2 * std::atoi(words[0].c_str()));
                          }};
    server = ControlServer::create(executor.context(), path, std::move(commands)).value();
    REQUIRE(executor.start().has_value());
  }
  ~Served() {
    executor.stop();
    server.reset();
  }
};

// What comes back for raw bytes, until the server hangs up or a line has come.
std::string raw(const std::string& path, std::string_view bytes) {
  const auto fd = connect_unix(path);
  REQUIRE(fd.has_value());
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n =
        ::send(fd.value().get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) {
      break;
    }
    sent += static_cast<std::size_t>(n);
  }
  std::string text;
  std::array<char, 1024> piece{};
  while (text.find('\n') == std::string::npos) {
    const ssize_t n = ::recv(fd.value().get(), piece.data(), piece.size(), 0);
    if (n <= 0) {
      break;
    }
    text.append(piece.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace

TEST_CASE("A command is run with its arguments, and its answer or error comes back") {
  const Served served;
  const std::vector<std::string> words{"21"};
  CHECK(send_control_command(served.path, "double", words).value() == 42);
  const auto refused = send_control_command(served.path, "double", {});
  REQUIRE(refused.has_error());
  CHECK(refused.error().context == "double: expected one number");
  CHECK(send_control_command(served.path, "triple", words).error().context.find("'triple'") !=
        std::string::npos);
  CHECK(send_control_command(served.path, "help", {}).value().at("double") == "double N: twice N");
}

TEST_CASE("Invalid requests get an error, and the connection stays open") {
  const Served served;
  for (const char* line :
       {"", "hello", "[]", "{}", "{\"command\":1}", "{\"command\":\"double\",\"arguments\":1}",
        "{\"command\":\"double\",\"arguments\":[1]}"}) {
    INFO(line);
    CHECK(served.server->answer(line).starts_with("{\"ok\":false,\"error\":\"invalid request: "));
  }
  CHECK(raw(served.path, "{\"command\":\"double\",\"arguments\":[\"1\"]}\n") ==
        "{\"ok\":true,\"result\":2}\n");
}

TEST_CASE("A client that sends an endless line is disconnected, and others are still served") {
  const Served served;
  CHECK(raw(served.path, std::string(2 * ControlServer::kMaxLine, 'x')).empty());
  CHECK(send_control_command(served.path, "help", {}).has_value());
}

TEST_CASE("A client that completes no request for the idle timeout is disconnected") {
  const TemporaryDirectory directory;
  const std::string path = directory / "control";
  test::ManualClock clock;
  boost::asio::io_context executor{1};
  const auto server = ControlServer::create(executor, path, {}, clock).value();
  const auto settle = [&] {
    executor.restart();
    while (executor.poll() != 0) {
    }
  };
  const UniqueFd client = connect_unix(path).value();
  settle();
  const auto send = [&](std::string_view text) {
    CHECK(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(text.size()));
    settle();
  };
  const auto wait = [&](std::chrono::seconds time) {
    clock.advance(time);
    settle();
  };
  // -1: nothing to read, 0: disconnected.
  const auto receive = [&] {
    std::array<char, 256> answer{};
    return ::recv(client.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  };
  const auto almost = ControlServer::kIdleTimeout - std::chrono::seconds(1);
  wait(almost);
  CHECK(receive() == -1);
  send("{\"command\":\"help\"}\n");  // a complete request starts the time anew
  CHECK(receive() > 0);
  wait(almost);
  send("{\"comm");  // a part of a request doesn't
  CHECK(receive() == -1);
  wait(std::chrono::seconds(1));
  CHECK(receive() == 0);
}

TEST_CASE("The socket is its owner's alone, refused when in use, replaced when dead") {
  const TemporaryDirectory directory;
  const std::string path = directory / "socket";
  {
    const auto listener = UnixListener::bind("--control", path);
    REQUIRE(listener.has_value());
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600);
    CHECK(UnixListener::bind("--control", path).error().code == ErrorCode::kBusy);
    // A copy of the name stays behind, as after a kill.
    REQUIRE(::link(path.c_str(), (directory / "dead").c_str()) == 0);
  }
  CHECK(!std::filesystem::exists(path));
  CHECK(UnixListener::bind("--control", directory / "dead").has_value());
}

TEST_CASE("A socket's path that can't be one is refused") {
  const TemporaryDirectory directory;
  CHECK(UnixListener::bind("--control", "").error().code == ErrorCode::kInvalid);
  CHECK(UnixListener::bind("--control", std::string(200, 'x')).error().code == ErrorCode::kInvalid);
  CHECK(UnixListener::bind("--control", directory.path()).error().context.find("is not a socket") !=
        std::string::npos);
  CHECK(UnixListener::bind("--control", "/nothere/socket").error().code == ErrorCode::kNotFound);
}

}  // namespace bothy
