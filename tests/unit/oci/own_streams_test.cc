#include "oci/own_streams.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>

#include "tests/support/catch.h"

namespace bothy::oci {
namespace {

// This process's standard descriptor, replaced by one end of a pipe meanwhile.
class Replaced {
 public:
  Replaced(int number, int end) : number_(number), kept_(::dup(number)) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const auto own = static_cast<std::size_t>(end);
    ::dup2(ends.at(own), number);
    ::close(ends.at(own));
    other_ = UniqueFd(ends.at(1 - own));
  }
  Replaced(const Replaced&) = delete;
  Replaced& operator=(const Replaced&) = delete;
  ~Replaced() { ::dup2(kept_.get(), number_); }

  [[nodiscard]] UniqueFd& other() noexcept { return other_; }

 private:
  int number_;
  UniqueFd kept_;
  UniqueFd other_;
};

std::string read_some(int fd) {
  std::array<char, 64> piece{};
  const ssize_t count = ::read(fd, piece.data(), piece.size());
  return {piece.data(), static_cast<std::size_t>(count < 0 ? 0 : count)};
}

}  // namespace

TEST_CASE("A workload's streams are this process's own until all is written") {
  boost::asio::io_context executor;
  run::Workload::Setup setup;
  setup.input = true;
  const auto workload = std::make_shared<run::Workload>(executor, Clock::steady(), setup,
                                                        [](const run::WorkloadEnd&) {});
  std::array<UniqueFd, 3> guest;
  for (std::uint32_t i = 0; i < guest.size(); ++i) {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    workload->set_stream(i, UniqueFd(ends[0]));
    guest.at(i) = UniqueFd(ends[1]);
  }
  std::optional<int> code;
  std::string typed;
  std::string out;
  std::string error;
  {
    Replaced in(STDIN_FILENO, 0);
    Replaced output(STDOUT_FILENO, 1);
    Replaced errors(STDERR_FILENO, 1);
    OwnStreams streams(executor, workload, [&](int ended, const std::string&) { code = ended; });
    streams.start();
    REQUIRE(::write(in.other().get(), "typed", 5) == 5);
    in.other().reset();
    REQUIRE(::write(guest[1].get(), "out", 3) == 3);
    REQUIRE(::write(guest[2].get(), "error", 5) == 5);
    guest[1].reset();
    guest[2].reset();
    workload->set_exited(3 << 8);
    while (!code) {
      executor.run_one();
    }
    typed = read_some(guest[0].get());
    out = read_some(output.other().get());
    error = read_some(errors.other().get());
  }
  CHECK(code == 3);
  CHECK(typed == "typed");
  CHECK(out == "out");
  CHECK(error == "error");
}

}  // namespace bothy::oci
