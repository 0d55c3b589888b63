#include "run/client_session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <string>

#include "run/client_protocol.h"
#include "tests/support/catch.h"

namespace bothy::run {
namespace {

constexpr std::size_t kFrameSize = 32UL * 1024;

struct Requests : ClientRequests {
  void on_request(const std::shared_ptr<ClientSession>&, const boost::json::object&) override {}
  void on_resize(std::uint32_t, std::uint16_t, std::uint16_t) override {}
  void on_signal(std::uint32_t, int signal) override { signals.push_back(signal); }
  void on_client_disconnected(const std::shared_ptr<ClientSession>&) override { ++disconnected; }
  std::vector<int> signals;
  int disconnected = 0;
};

// A client that is attached to a process with a stdin.
struct Fixture {
  Fixture() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    client = UniqueFd(ends[1]);
    session = std::make_shared<ClientSession>(executor, UniqueFd(ends[0]), requests);
    Workload::Setup setup;
    setup.input = true;
    workload =
        std::make_shared<Workload>(executor, Clock::steady(), setup, [](const WorkloadEnd&) {});
    session->expect_no_request();
    session->start();
    session->attach(0, workload);
  }
  ~Fixture() { workload->fail(0, {}); }

  void send(std::uint16_t type, std::string_view bytes) {
    const FrameHeader frame{static_cast<std::uint32_t>(bytes.size()), type, 0, 0};
    std::string whole(sizeof(frame), '\0');
    std::memcpy(whole.data(), &frame, sizeof(frame));
    whole += bytes;
    REQUIRE(::send(client.get(), whole.data(), whole.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
            static_cast<ssize_t>(whole.size()));
    run();
  }
  void run() {
    executor.restart();
    executor.poll();
  }
  // What kInputRoom has given back since the last call.
  std::size_t room() {
    std::size_t all = 0;
    struct {
      FrameHeader frame;
      std::uint32_t taken;
    } told{};
    while (::recv(client.get(), &told, sizeof(told), MSG_DONTWAIT) == sizeof(told)) {
      CHECK(told.frame.type == kInputRoom);
      all += told.taken;
    }
    return all;
  }
  // A process that reads.
  UniqueFd open_stdin() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    workload->set_stream(0, UniqueFd(ends[0]));
    return UniqueFd(ends[1]);
  }

  boost::asio::io_context executor;
  Requests requests;
  UniqueFd client;
  std::shared_ptr<Workload> workload;
  std::shared_ptr<ClientSession> session;
};

}  // namespace

TEST_CASE("Credit for input is given back as the process takes it") {
  Fixture f;
  f.send(kInput, "first");
  f.send(kInput, "second");
  CHECK(f.room() == 11);
}

TEST_CASE("A signal doesn't wait behind input that the process doesn't read") {
  Fixture f;
  std::size_t sent = 0;
  std::size_t given = 0;
  while (sent - given + kFrameSize <= kInputWindow) {
    f.send(kInput, std::string(kFrameSize, 'x'));
    sent += kFrameSize;
    given += f.room();
  }
  CHECK(given < sent);
  const std::int32_t signal = SIGTERM;
  f.send(kSignal, {reinterpret_cast<const char*>(&signal), sizeof(signal)});
  CHECK(f.requests.signals == std::vector<int>{SIGTERM});
  CHECK(f.requests.disconnected == 0);

  // All of it has room once it is read.
  const UniqueFd input = f.open_stdin();
  std::string received(sent, '\0');
  std::size_t got = 0;
  while (got < sent) {
    f.run();
    const ssize_t count = ::read(input.get(), received.data() + got, received.size() - got);
    REQUIRE(count > 0);
    got += static_cast<std::size_t>(count);
  }
  f.run();
  given += f.room();
  CHECK(given == sent);
}

TEST_CASE("A client that sends more input than its credit is disconnected") {
  Fixture f;
  std::size_t given = 0;
  while (f.requests.disconnected == 0) {
    f.send(kInput, std::string(kFrameSize, 'x'));
    given += f.room();
    REQUIRE(given < 4 * kInputWindow);
  }
  CHECK(f.requests.disconnected == 1);
  CHECK(f.session->workload() == nullptr);
}

}  // namespace bothy::run
