#include "run/guest_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "base/unix_listener.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

// A link, and whoever the guest is.
struct Fixture {
  Fixture() {
    GuestLink::Hooks hooks;
    hooks.up = [this] { ++up; };
    hooks.stream = [this](std::uint32_t process, const agent::Opening& opening, UniqueFd fd) {
      streams += fmt::format("{}:{}:{};", process, opening.value, opening.token);
      kept.push_back(std::move(fd));
    };
    hooks.gone = [this] { ++gone; };
    link = GuestLink::listen(executor, directory / "vsock", std::move(hooks)).value();
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
  boost::asio::io_context executor;
  std::unique_ptr<GuestLink> link;
  std::vector<UniqueFd> kept;
  std::string streams;
  int up = 0;
  int gone = 0;
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

TEST_CASE("Connections that say nothing are few, and the oldest goes first") {
  Fixture f;
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 70; ++i) {
    silent.push_back(f.connect());
  }
  CHECK(is_closed(silent[0]));
  CHECK(is_closed(silent[5]));
  CHECK_FALSE(is_closed(silent[6]));
  const UniqueFd stream = f.greet(agent::kStream, 3, 1);
  CHECK(f.streams == "3:1:5;");
  CHECK_FALSE(is_closed(stream));
}

TEST_CASE("A link that goes takes those that say nothing with it") {
  Fixture f;
  const UniqueFd silent = f.connect();
  const UniqueFd half = f.connect();
  REQUIRE(::write(half.get(), "half", 4) == 4);
  f.link.reset();
  f.run();
  CHECK(is_closed(silent));
}

TEST_CASE("There is one control stream, and none after it") {
  Fixture f;
  UniqueFd control = f.hello();
  CHECK(f.link->is_up());
  CHECK(is_closed(f.hello()));
  control.reset();
  f.run();
  CHECK(f.gone == 1);
  CHECK(f.link->has_hung_up());
  CHECK(is_closed(f.hello()));
  CHECK(f.up == 1);
  CHECK_FALSE(f.link->is_up());
}

TEST_CASE("Signals for the first process wait until somebody listens") {
  Fixture f;
  f.link->signal(0, 15);
  f.link->signal(7, 9);  // of which there can't be one
  f.link->signal(0, 2);
  CHECK_FALSE(f.link->has_hung_up());
  const UniqueFd control = f.hello();
  CHECK(next_frame(control) == fmt::format("{} 0 15", std::uint16_t{agent::kSignal}));
  CHECK(next_frame(control) == fmt::format("{} 0 2", std::uint16_t{agent::kSignal}));
  CHECK(next_frame(control) == "none");
}

}  // namespace bothy::run
