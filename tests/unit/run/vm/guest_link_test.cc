#include "run/vm/guest_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "base/unix_listener.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

// A link, and what the guest sends.
struct Fixture {
  Fixture() {
    GuestLink::Hooks hooks;
    hooks.up = [this] { ++up; };
    hooks.stream = [this](std::uint32_t process, const agent::Opening& opening, UniqueFd fd) {
      streams += fmt::format("{}:{}:{};", process, opening.value, opening.token);
      kept.push_back(std::move(fd));
    };
    hooks.not_started = [this](std::uint32_t, int, const std::string& text) { message = text; };
    hooks.ports = [this](std::span<const std::uint16_t> sent) {
      ports = {sent.begin(), sent.end()};
    };
    hooks.closed = [this] { ++closed; };
    link = GuestLink::listen(executor, clock, directory / "vsock", std::move(hooks)).value();
  }
  void run() {
    executor.restart();
    executor.poll();
  }
  UniqueFd connect() {
    auto fd = connect_unix(fmt::format("{}_{}", directory / "vsock", agent::kPort));
    REQUIRE(fd);
    run();
    return std::move(fd).value();
  }
  UniqueFd greet(std::uint16_t type, std::uint32_t process, std::uint32_t value) {
    UniqueFd fd = connect();
    const std::array<std::uint32_t, 7> words{sizeof(agent::Opening), type, process, value, 0, 5, 0};
    REQUIRE(::write(fd.get(), words.data(), sizeof(words)) == sizeof(words));
    run();
    return fd;
  }
  UniqueFd hello() { return greet(agent::kHello, 0, agent::kVersion); }

  const test::TemporaryDirectory directory;
  test::ManualClock clock;
  boost::asio::io_context executor;
  std::unique_ptr<GuestLink> link;
  std::vector<UniqueFd> kept;
  std::string streams;
  std::string message;
  std::vector<std::uint16_t> ports;
  int up = 0;
  int closed = 0;
};

bool is_closed(const UniqueFd& fd) {
  pollfd wait{fd.get(), POLLIN, 0};
  char byte = 0;
  return ::poll(&wait, 1, 0) == 1 && ::recv(fd.get(), &byte, 1, MSG_DONTWAIT) <= 0;
}

// The type and the process of the next frame, and the number in it.
std::string next_frame(const UniqueFd& fd) {
  agent::Frame frame{};
  std::int32_t value = 0;
  if (::recv(fd.get(), &frame, sizeof(frame), MSG_DONTWAIT) != sizeof(frame) ||
      ::recv(fd.get(), &value, sizeof(value), MSG_DONTWAIT) != frame.length) {
    return "none";
  }
  return fmt::format("{} {} {}", frame.type, frame.process, value);
}

}  // namespace

TEST_CASE("Silent connections are limited, and the oldest is closed first") {
  Fixture f;
  std::vector<UniqueFd> silent;
  silent.reserve(70);
  while (silent.size() < 70) {
    silent.push_back(f.connect());
  }
  CHECK(is_closed(silent[0]));
  CHECK(is_closed(silent[5]));
  CHECK_FALSE(is_closed(silent[6]));
  const UniqueFd stream = f.greet(agent::kStream, 3, 1);
  CHECK(f.streams == "3:1:5;");
  CHECK_FALSE(is_closed(stream));
}

TEST_CASE("A destroyed link closes silent connections") {
  Fixture f;
  const UniqueFd silent = f.connect();
  const UniqueFd half = f.connect();
  REQUIRE(::write(half.get(), "half", 4) == 4);
  f.link.reset();
  f.run();
  CHECK(is_closed(silent));
}

TEST_CASE("There is one control stream, ever") {
  Fixture f;
  UniqueFd control = f.hello();
  CHECK(f.link->is_up());
  CHECK(is_closed(f.hello()));
  control.reset();
  f.run();
  CHECK(f.closed == 1);
  CHECK(f.link->is_closed());
  CHECK(is_closed(f.hello()));
  CHECK(f.up == 1);
  CHECK_FALSE(f.link->is_up());
}

TEST_CASE("Signals for the first process wait for the control stream") {
  Fixture f;
  f.link->signal(0, 15);
  f.link->signal(7, 9);  // can't exist yet
  f.link->signal(0, 2);
  CHECK_FALSE(f.link->is_closed());
  const UniqueFd control = f.hello();
  CHECK(next_frame(control) == fmt::format("{} 0 15", std::uint16_t{agent::kSignal}));
  CHECK(next_frame(control) == fmt::format("{} 0 2", std::uint16_t{agent::kSignal}));
  CHECK(next_frame(control) == "none");
}

TEST_CASE("A silent connection is closed after a while") {
  Fixture f;
  const UniqueFd silent = f.connect();
  f.clock.advance(std::chrono::seconds(9));
  f.run();
  CHECK_FALSE(is_closed(silent));
  f.clock.advance(std::chrono::seconds(2));
  f.run();
  CHECK(is_closed(silent));
}

TEST_CASE("Ports that the guest listens on are reported, up to a limit") {
  Fixture f;
  const UniqueFd control = f.hello();
  std::vector<std::uint16_t> sent(100, 80);
  const agent::Frame frame{200, agent::kPorts, 0, 0};
  REQUIRE(::write(control.get(), &frame, sizeof(frame)) == sizeof(frame));
  REQUIRE(::write(control.get(), sent.data(), 200) == 200);
  f.run();
  CHECK(f.ports.size() == agent::kMaxPorts);
  CHECK(f.ports.front() == 80);
  const agent::Frame none{0, agent::kPorts, 0, 0};
  REQUIRE(::write(control.get(), &none, sizeof(none)) == sizeof(none));
  f.run();
  CHECK(f.ports.empty());
  f.link->connect(9, 5, 8080);
  f.run();
  std::array<std::uint32_t, 7> words{};
  REQUIRE(::recv(control.get(), words.data(), sizeof(words), MSG_DONTWAIT) == sizeof(words));
  CHECK(words ==
        std::array<std::uint32_t, 7>{sizeof(agent::Connect), agent::kConnect, 9, 5, 0, 8080, 0});
}

TEST_CASE("A failed start is reported with the guest's message") {
  Fixture f;
  const UniqueFd control = f.hello();
  const auto send_not_started = [&](std::int32_t error, std::string_view text) {
    const agent::Frame frame{static_cast<std::uint32_t>(sizeof(error) + text.size()),
                             agent::kNotStarted, 0, 3};
    std::string bytes(reinterpret_cast<const char*>(&frame), sizeof(frame));
    bytes.append(reinterpret_cast<const char*>(&error), sizeof(error)).append(text);
    REQUIRE(::write(control.get(), bytes.data(), bytes.size()) ==
            static_cast<ssize_t>(bytes.size()));
    f.run();
  };
  send_not_started(ELOOP, "can't run 'echo': Too many levels of symbolic links");
  CHECK(f.message == "can't run 'echo': Too many levels of symbolic links");
  send_not_started(EINVAL, "can't run as 'x': no such\x1b user");
  CHECK(f.message == "can't run as 'x': no such? user");
}

}  // namespace bothy::run
