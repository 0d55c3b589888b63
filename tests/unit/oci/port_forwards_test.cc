#include "oci/port_forwards.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "guest/protocol/agent.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

namespace bothy::oci {
namespace {

// A unix socket with a name of the kernel's choice listens instead of one of a loopback address.
struct Fixture {
  Fixture() { std::signal(SIGPIPE, SIG_IGN); }  // as bothy does

  std::vector<UniqueFd> listen(std::uint16_t port) {
    listened += fmt::format("{};", port);
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    address.sun_family = AF_UNIX;
    size = sizeof(address);
    REQUIRE(::bind(fd.get(), generic(), sizeof(sa_family_t)) == 0);
    REQUIRE(::listen(fd.get(), 1000) == 0);
    REQUIRE(::getsockname(fd.get(), generic(), &size) == 0);
    std::vector<UniqueFd> sockets;
    sockets.push_back(std::move(fd));
    return sockets;
  }
  sockaddr* generic() { return reinterpret_cast<sockaddr*>(&address); }
  UniqueFd connect() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(fd.get(), generic(), size) == 0);
    run();
    return fd;
  }
  // The guest's end of a connection's stream.
  UniqueFd answer(std::uint32_t connection) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    forwards.on_stream(connection, UniqueFd(ends[0]));
    run();
    return UniqueFd(ends[1]);
  }
  void set(std::vector<std::uint16_t> ports) { forwards.set_ports(ports); }
  void run() {
    executor.restart();
    executor.poll();
  }
  void advance(std::chrono::milliseconds time) {
    clock.advance(time);
    run();
  }
  PortForwards::Hooks hooks() {
    PortForwards::Hooks hooks;
    hooks.listen = [this](std::uint16_t port) { return listen(port); };
    hooks.connect = [this](std::uint32_t connection, std::uint16_t port) {
      asked.emplace_back(connection, port);
    };
    hooks.forget = [this](std::uint32_t) { ++forgotten; };
    return hooks;
  }

  test::ManualClock clock;
  boost::asio::io_context executor;
  sockaddr_un address{};
  socklen_t size = 0;
  std::string listened;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> asked;
  int forgotten = 0;
  PortForwards forwards{executor, clock, hooks()};
};

// What there is to read now; "end" at the end, "none" when nothing has come.
std::string received(const UniqueFd& fd) {
  std::array<char, 64> piece{};
  const ssize_t count = ::recv(fd.get(), piece.data(), piece.size(), MSG_DONTWAIT);
  if (count == 0 || (count < 0 && errno == ECONNRESET)) {
    return "end";
  }
  return count < 0 ? "none" : std::string(piece.data(), static_cast<std::size_t>(count));
}

void send(const UniqueFd& fd, std::string_view text) {
  REQUIRE(::send(fd.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
}

}  // namespace

TEST_CASE("A connection to a port of the guest has bytes and ends of both sides") {
  Fixture f;
  f.set({80});
  const UniqueFd client = f.connect();
  REQUIRE(f.asked.size() == 1);
  CHECK(f.asked[0] == std::pair(PortForwards::kFirst, std::uint16_t{80}));
  send(client, "early");
  const UniqueFd guest = f.answer(f.asked[0].first);
  CHECK(received(f.answer(f.asked[0].first)) == "end");  // a second one
  CHECK(received(guest) == "early");
  send(guest, "answer");
  ::shutdown(client.get(), SHUT_WR);
  f.run();
  CHECK(received(guest) == "end");
  CHECK(received(client) == "answer");
  CHECK(received(client) == "none");
  send(guest, "more");
  ::shutdown(guest.get(), SHUT_WR);
  f.run();
  CHECK(received(client) == "more");
  CHECK(received(client) == "end");
}

TEST_CASE("A guest that hangs up, or doesn't answer, ends the connection") {
  Fixture f;
  f.set({80});
  const UniqueFd refused = f.connect();
  UniqueFd guest = f.answer(PortForwards::kFirst);
  guest.reset();
  f.run();
  CHECK(received(refused) == "end");
  CHECK(::send(refused.get(), "x", 1, MSG_NOSIGNAL) < 0);
  const UniqueFd ignored = f.connect();
  CHECK(received(ignored) == "none");
  f.advance(std::chrono::seconds(11));
  CHECK(received(ignored) == "end");
  CHECK(received(f.answer(PortForwards::kFirst + 1)) == "end");
}

TEST_CASE("Changes of ports take effect twice a second at most") {
  Fixture f;
  f.set({80, 0});
  CHECK(f.listened == "80;");
  f.set({80, 81});
  f.set({82});
  CHECK(f.listened == "80;");
  f.advance(std::chrono::milliseconds(501));
  CHECK(f.listened == "80;82;");
  const UniqueFd client = f.connect();
  f.set({});
  f.advance(std::chrono::milliseconds(501));
  CHECK(::connect(UniqueFd(::socket(AF_UNIX, SOCK_STREAM, 0)).get(), f.generic(), f.size) < 0);
  CHECK(received(client) == "none");  // it stays
  f.advance(std::chrono::milliseconds(501));
  f.set({80});
  CHECK(f.listened == "80;82;80;");
}

TEST_CASE("More connections than there is room for wait") {
  Fixture f;
  f.set({80});
  std::vector<UniqueFd> clients;
  while (clients.size() <= agent::kMaxConnections) {
    clients.push_back(f.connect());
  }
  CHECK(f.asked.size() == agent::kMaxConnections);
  f.answer(f.asked[5].first).reset();
  f.run();
  CHECK(f.asked.size() == agent::kMaxConnections + 1);
}

}  // namespace bothy::oci
