#include "run/workload.h"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "run/run_spec.h"
#include "tests/support/catch.h"

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
  void on_end(int ended, const std::string& said) override {
    code = ended;
    words = said;
  }
  std::string output;
  std::string error;
  std::string words;
  bool full = false;
  int rooms = 0;
  std::optional<int> code;
};

// A process, and the guest's ends of its streams.
struct Fixture {
  explicit Fixture(Workload::Setup setup = {})
      : workload(std::make_shared<Workload>(executor, setup,
                                            [this](const WorkloadEnd& end) { ended = end.code; })) {
    workload->attach(listener);
  }
  ~Fixture() { workload->fail(0, {}); }

  UniqueFd open(std::uint32_t index, std::uint64_t token = 0) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    workload->set_stream({index, 0, token}, UniqueFd(ends[0]));
    return UniqueFd(ends[1]);
  }
  void run() {
    executor.restart();
    executor.poll();
  }

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

TEST_CASE("A signal that killed it shows as a shell has it") {
  Fixture f;
  f.open(1);
  f.open(2);
  f.workload->set_exited(9);
  f.run();
  CHECK(f.ended == 137);
}

TEST_CASE("Somebody who has no room holds the process up, and nobody else") {
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

TEST_CASE("One that is to end waits for nobody who has no room") {
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
  const std::string heard = f.listener.output;
  f.workload->hurry();
  f.run();
  CHECK(f.ended == 0);
  CHECK(f.listener.output == heard);
}

TEST_CASE("Whoever keeps a process may let go of it when told of its end") {
  boost::asio::io_context executor;
  Workload::Setup setup;
  setup.output = false;
  setup.error = false;
  std::optional<int> ended;
  std::shared_ptr<Workload> kept;
  kept = std::make_shared<Workload>(executor, setup, [&](const WorkloadEnd& end) {
    ended = end.code;
    kept.reset();
  });
  kept->set_exited(3 << 8);
  CHECK(ended == 3);
  CHECK(executor.poll() == 0);
}

TEST_CASE("Input that comes before its stream waits for it, to its end") {
  Workload::Setup setup;
  setup.input = true;
  Fixture f(setup);
  CHECK(f.workload->input(bytes("early ")));
  f.workload->end_input();
  const UniqueFd input = f.open(0);
  f.run();
  std::array<char, 16> heard{};
  CHECK(::read(input.get(), heard.data(), heard.size()) == 6);
  CHECK(::read(input.get(), heard.data(), heard.size()) == 0);
}

TEST_CASE("Too much input at once is told, and room for more is told too") {
  Workload::Setup setup;
  setup.input = true;
  Fixture f(setup);
  CHECK_FALSE(f.workload->input(bytes(std::string(300'000, 'x'))));
  const UniqueFd input = f.open(0);
  std::string heard(300'000, '\0');
  std::size_t got = 0;
  while (got < heard.size()) {
    f.run();
    const ssize_t count = ::read(input.get(), heard.data() + got, heard.size() - got);
    REQUIRE(count > 0);
    got += static_cast<std::size_t>(count);
  }
  f.run();
  CHECK(f.listener.rooms == 1);
}

TEST_CASE("A process that reads no more has room for any input") {
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

TEST_CASE("One of no stdout or stderr doesn't wait for them") {
  Workload::Setup setup;
  setup.input = true;
  setup.output = setup.error = false;
  Fixture f(setup);
  const UniqueFd input = f.open(0);
  const UniqueFd output = f.open(1);
  std::array<char, 4> heard{};
  CHECK(::read(output.get(), heard.data(), heard.size()) == 0);
  f.workload->set_exited(0);
  CHECK(f.ended == 0);
}

TEST_CASE("A stream that nobody asked for is closed") {
  Fixture f;
  const UniqueFd input = f.open(0);
  std::array<char, 4> heard{};
  CHECK(::read(input.get(), heard.data(), heard.size()) == 0);
  const UniqueFd high = f.open(7);
  CHECK(::read(high.get(), heard.data(), heard.size()) == 0);
}

TEST_CASE("A stream of whoever doesn't know the token is closed, and takes nobody's place") {
  Workload::Setup setup;
  setup.token = random_token();
  Fixture f(setup);
  const UniqueFd false_one = f.open(1, setup.token + 1);
  std::array<char, 4> heard{};
  CHECK(::read(false_one.get(), heard.data(), heard.size()) == 0);
  const UniqueFd output = f.open(1, setup.token);
  REQUIRE(::write(output.get(), "out", 3) == 3);
  f.run();
  CHECK(f.listener.output == "out");
}

}  // namespace bothy::run
