#include "run/workload.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

namespace bothy::run {
namespace {

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

struct Recorder : Listener {
  void on_output(Stream stream, std::span<const std::byte> piece) override {
    (stream == Stream::kError ? error : output)
        .append(reinterpret_cast<const char*>(piece.data()), piece.size());
  }
  [[nodiscard]] bool is_full() const override { return full; }
  void on_input_room() override { ++rooms; }
  void on_end(int ended, const std::string& message) override {
    code = ended;
    error_text = message;
  }
  std::string output;
  std::string error;
  std::string error_text;
  bool full = false;
  int rooms = 0;
  std::optional<int> code;
};

// A process, and the guest's ends of its streams.
struct Fixture {
  explicit Fixture(Workload::Setup setup = {})
      : workload(std::make_shared<Workload>(executor, clock, setup,
                                            [this](const WorkloadEnd& end) { ended = end.code; })) {
    workload->attach(listener);
  }
  ~Fixture() { workload->fail(0, {}); }

  UniqueFd open(std::uint32_t index) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    workload->set_stream(index, UniqueFd(ends[0]));
    return UniqueFd(ends[1]);
  }
  void run() {
    executor.restart();
    executor.poll();
  }

  test::ManualClock clock;
  boost::asio::io_context executor;
  Recorder listener;
  std::optional<int> ended;
  std::shared_ptr<Workload> workload;
};

}  // namespace

TEST_CASE("A process ends when it has exited and all that it wrote is read") {
  Fixture f;
  UniqueFd output = f.open(1);
  UniqueFd error = f.open(2);
  REQUIRE(::write(output.get(), "out", 3) == 3);
  f.workload->set_exited(42 << 8);
  f.run();
  CHECK(f.listener.output == "out");
  CHECK_FALSE(f.ended);
  REQUIRE(::write(error.get(), "err", 3) == 3);
  output.reset();
  f.run();
  CHECK_FALSE(f.ended);
  error.reset();
  f.run();
  CHECK(f.listener.error == "err");
  CHECK(f.ended == 42);
  CHECK(f.listener.code == 42);
}

TEST_CASE("A process that a signal killed has the exit code of a shell") {
  Fixture f;
  f.open(1);
  f.open(2);
  f.workload->set_exited(9);
  f.run();
  CHECK(f.ended == 137);
}

TEST_CASE("A full listener stops the output") {
  Fixture f;
  const UniqueFd output = f.open(1);
  f.listener.full = true;
  f.run();
  REQUIRE(::write(output.get(), "a", 1) == 1);
  f.run();
  const std::string first = f.listener.output;  // what was being read already
  REQUIRE(::write(output.get(), "b", 1) == 1);
  f.run();
  CHECK(f.listener.output == first);
  f.listener.full = false;
  f.workload->listener_has_room();
  f.run();
  CHECK(f.listener.output == "ab");
}

TEST_CASE("A workload that is being stopped waits for no full listener") {
  Workload::Setup setup;
  setup.error = false;
  Fixture f(setup);
  UniqueFd output = f.open(1);
  f.listener.full = true;
  f.run();
  REQUIRE(::write(output.get(), "a", 1) == 1);
  f.run();
  REQUIRE(::write(output.get(), "b", 1) == 1);
  output.reset();
  f.workload->set_exited(0);
  f.run();
  CHECK_FALSE(f.ended);
  const std::string received = f.listener.output;
  f.workload->hurry();
  f.run();
  CHECK(f.ended == 0);
  CHECK(f.listener.output == received);
}

TEST_CASE("A workload may be released by its end") {
  boost::asio::io_context executor;
  Workload::Setup setup;
  setup.output = false;
  setup.error = false;
  std::optional<int> ended;
  std::shared_ptr<Workload> kept;
  kept = std::make_shared<Workload>(executor, Clock::steady(), setup, [&](const WorkloadEnd& end) {
    ended = end.code;
    kept.reset();
  });
  kept->set_exited(3 << 8);
  CHECK(ended == 3);
  CHECK(executor.poll() == 0);
}

TEST_CASE("Input that comes before its stream waits for the stream, and so does its end") {
  Workload::Setup setup;
  setup.input = true;
  Fixture f(setup);
  CHECK(f.workload->input(bytes("early ")));
  f.workload->end_input();
  const UniqueFd input = f.open(0);
  f.run();
  std::array<char, 16> received{};
  CHECK(::read(input.get(), received.data(), received.size()) == 6);
  CHECK(::read(input.get(), received.data(), received.size()) == 0);
}

TEST_CASE("Too much input at once is reported, and so is room for more") {
  Workload::Setup setup;
  setup.input = true;
  Fixture f(setup);
  CHECK_FALSE(f.workload->input(bytes(std::string(300'000, 'x'))));
  const UniqueFd input = f.open(0);
  std::string received(300'000, '\0');
  std::size_t got = 0;
  while (got < received.size()) {
    f.run();
    const ssize_t count = ::read(input.get(), received.data() + got, received.size() - got);
    REQUIRE(count > 0);
    got += static_cast<std::size_t>(count);
  }
  f.run();
  CHECK(f.listener.rooms == 1);
}

TEST_CASE("Input for a process that has closed stdin is dropped") {
  std::signal(SIGPIPE, SIG_IGN);  // as bothy does
  Workload::Setup setup;
  setup.input = true;
  Fixture f(setup);
  CHECK_FALSE(f.workload->input(bytes(std::string(1'000'000, 'x'))));
  UniqueFd input = f.open(0);
  f.run();
  CHECK(f.listener.rooms == 0);
  input.reset();
  f.run();
  CHECK(f.listener.rooms == 1);
  CHECK(f.workload->input(bytes("more")));
}

TEST_CASE("A workload without stdout and stderr doesn't wait for them") {
  Workload::Setup setup;
  setup.input = true;
  setup.output = setup.error = false;
  Fixture f(setup);
  const UniqueFd input = f.open(0);
  const UniqueFd output = f.open(1);
  std::array<char, 4> received{};
  CHECK(::read(output.get(), received.data(), received.size()) == 0);
  f.workload->set_exited(0);
  CHECK(f.ended == 0);
}

TEST_CASE("An unexpected stream is closed") {
  Fixture f;
  const UniqueFd input = f.open(0);
  std::array<char, 4> received{};
  CHECK(::read(input.get(), received.data(), received.size()) == 0);
  const UniqueFd high = f.open(7);
  CHECK(::read(high.get(), received.data(), received.size()) == 0);
}

TEST_CASE("A stream that doesn't come up after the exit isn't waited for") {
  Fixture f;
  const UniqueFd output = f.open(1);
  f.workload->set_exited(3 << 8);
  f.run();
  CHECK_FALSE(f.ended);
  f.clock.advance(std::chrono::seconds(1));
  f.run();
  CHECK_FALSE(f.ended);  // stdout is open still
  ::shutdown(output.get(), SHUT_WR);
  f.run();
  CHECK(f.ended == 3);
}

TEST_CASE("Pipes are streams too") {
  Workload::Setup setup;
  setup.input = true;
  setup.error = false;
  Fixture f(setup);
  std::array<int, 2> input{};
  std::array<int, 2> output{};
  REQUIRE(::pipe2(input.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  REQUIRE(::pipe2(output.data(), O_CLOEXEC | O_NONBLOCK) == 0);
  UniqueFd reader(input[0]);
  UniqueFd writer(output[1]);
  f.workload->set_stream(0, UniqueFd(input[1]));
  f.workload->set_stream(1, UniqueFd(output[0]));
  CHECK(f.workload->input(bytes("in")));
  f.workload->end_input();
  f.run();
  std::array<char, 8> received{};
  CHECK(::read(reader.get(), received.data(), received.size()) == 2);
  CHECK(::read(reader.get(), received.data(), received.size()) == 0);
  REQUIRE(::write(writer.get(), "out", 3) == 3);
  writer.reset();
  f.workload->set_exited(0);
  f.run();
  CHECK(f.listener.output == "out");
  CHECK(f.ended == 0);
}

}  // namespace bothy::run
