#include "devices/host/net/passt_on_demand.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {
namespace {

using test::TemporaryDirectory;

// A program called passt, which is the only one there is for those that are started meanwhile.
class FakePasst {
 public:
  explicit FakePasst(const std::string& commands) {
    const std::string path =
        directory_.write("passt", "#!/bin/sh\nPATH=" + path_ + "\n" + commands);
    REQUIRE(::chmod(path.c_str(), 0700) == 0);
    REQUIRE(::mkfifo(fifo().c_str(), 0600) == 0);
    ::setenv("PATH", directory_.path().c_str(), 1);
  }
  FakePasst(const FakePasst&) = delete;
  FakePasst& operator=(const FakePasst&) = delete;
  ~FakePasst() { ::setenv("PATH", path_.c_str(), 1); }

  // Where $(dirname "$0")/fifo leads.
  [[nodiscard]] std::string fifo() const { return directory_ / "fifo"; }
  [[nodiscard]] std::string file(const std::string& name) const { return directory_ / name; }

 private:
  const std::string path_ = std::getenv("PATH");
  const TemporaryDirectory directory_;
};

PacketOutcome send(NetBackend& backend, std::string frame) {
  std::array<std::byte, PacketPort::kHeader> header{};
  const std::array<iovec, 2> packet{{{header.data(), header.size()}, {frame.data(), frame.size()}}};
  return backend.port(0).send(packet);
}

}  // namespace

TEST_CASE("passt starts with the first packet, and receives it") {
  // As passt does: it serves in the background, and lets go of its stderr then.
  FakePasst passt(
      "here=${0%/*}\n"
      "grep NoNewPrivs /proc/self/status >$here/privileges\n"
      "echo \"$@\" >$here/arguments\n"
      "cat <&3 >$here/fifo 2>/dev/null &\n");
  auto backend = PasstOnDemand::create({1400, {"--ipv4-only"}}).value();
  CHECK(backend->describe() == "passt");
  CHECK(send(*backend, std::string(12, '\0') + "\x86\xdd") == PacketOutcome::kDone);
  CHECK(::access(passt.file("arguments").c_str(), F_OK) != 0);

  CHECK(send(*backend, "frame") == PacketOutcome::kDone);
  const UniqueFd received(::open(passt.fifo().c_str(), O_RDONLY | O_CLOEXEC));
  std::string bytes(9, '\0');
  for (std::size_t got = 0; got < bytes.size();) {
    const ssize_t more = ::read(received.get(), bytes.data() + got, bytes.size() - got);
    REQUIRE(more > 0);
    got += static_cast<std::size_t>(more);
  }
  CHECK(bytes == std::string("\0\0\0\5frame", 9));
  CHECK(test::content_of(passt.file("arguments")) == "--quiet --fd 3 --mtu 1400 --ipv4-only\n");
  CHECK(test::content_of(passt.file("privileges")) == "NoNewPrivs:\t1\n");

  backend.reset();
  CHECK(::read(received.get(), bytes.data(), 1) == 0);  // it has seen the end
}

TEST_CASE("What a guest announces by IPv6 doesn't start passt, what it asks for does") {
  const FakePasst passt("echo \"$@\" >${0%/*}/fifo; exec sleep 1000\n");
  auto backend = PasstOnDemand::create({}).value();
  const std::string start = std::string(12, '\0') + "\x86\xdd" + std::string(8, '\0');
  const std::string source = "\xfe\x80" + std::string(13, '\0') + "\1";
  const auto group = [](char last) { return "\xff\2" + std::string(13, '\0') + last; };
  const std::string neighbour =
      "\xff\2" + std::string(9, '\0') + "\1\xff" + std::string(2, '\0') + "\2";
  CHECK(send(*backend, start + source + group(2)) == PacketOutcome::kDone);
  CHECK(send(*backend, start + source + group(0x16)) == PacketOutcome::kDone);
  CHECK(send(*backend, start + std::string(16, '\0') + neighbour) == PacketOutcome::kDone);
  CHECK(send(*backend, start) == PacketOutcome::kDone);  // cut off: zeros
  const UniqueFd told(::open(passt.fifo().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  std::array<char, 1> byte{};
  CHECK(::read(told.get(), byte.data(), byte.size()) == 0);  // nobody has it open
  CHECK(send(*backend, start + source + neighbour) == PacketOutcome::kDone);
  pollfd wait{told.get(), POLLIN, 0};
  CHECK(::poll(&wait, 1, -1) == 1);
}

TEST_CASE("A failed passt closes the port") {
  const FakePasst passt("echo 'no network here' >&2; exit 1\n");
  const auto backend = PasstOnDemand::create({}).value();
  CHECK(send(*backend, "frame") == PacketOutcome::kDone);
  pollfd wait{backend->port(0).fd(), POLLIN, 0};
  REQUIRE(::poll(&wait, 1, -1) == 1);
  std::array<std::byte, 2 * PacketPort::kMaxBytes> room;
  const iovec buffer{room.data(), room.size()};
  CHECK(backend->port(0).receive({&buffer, 1}).outcome == PacketOutcome::kGone);
}

TEST_CASE("A passt that is starting ends with its backend") {
  const FakePasst passt("echo >${0%/*}/fifo; exec sleep 1000\n");
  auto backend = PasstOnDemand::create({}).value();
  CHECK(send(*backend, "frame") == PacketOutcome::kDone);
  std::array<char, 1> byte{};
  const UniqueFd told(::open(passt.fifo().c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(::read(told.get(), byte.data(), byte.size()) == 1);
  backend.reset();  // returns
}

}  // namespace bothy
