#include "run/frame_channel.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <vector>

#include "tests/support/catch.h"

namespace bothy::run {
namespace {

// A channel, and the other end of its socket.
struct Fixture {
  Fixture() {
    std::array<int, 2> ends{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    other = UniqueFd(ends[1]);
    channel = std::make_shared<FrameChannel>(executor, UniqueFd(ends[0]));
    FrameChannel::Hooks hooks;
    hooks.frame = [this](const FrameView& frame) {
      received += fmt::format("{}:{}:{};", frame.type, frame.process, frame.text());
    };
    hooks.closed = [this] { ++closed; };
    channel->start(std::move(hooks));
  }
  ~Fixture() { channel->close(); }

  void run() {
    executor.restart();
    executor.poll();
  }
  void send(const FrameHeader& frame, std::string_view text) {
    std::string bytes(reinterpret_cast<const char*>(&frame), sizeof(frame));
    bytes += text;
    for (const char& byte : bytes) {  // in the smallest pieces
      REQUIRE(::write(other.get(), &byte, 1) == 1);
      run();
    }
  }

  boost::asio::io_context executor;
  std::shared_ptr<FrameChannel> channel;
  UniqueFd other;
  std::string received;
  int closed = 0;
};

}  // namespace

TEST_CASE("Frames are complete, however their bytes arrive") {
  Fixture f;
  f.send({3, 7, 0, 1}, "abc");
  f.send({0, 8, 0, 2}, "");
  const std::string large(100'000, 'x');
  f.channel->send_text(9, 3, large);
  f.run();
  CHECK(f.received == "7:1:abc;8:2:;");
  std::string answer(sizeof(FrameHeader) + large.size(), '\0');
  std::size_t got = 0;
  while (got < answer.size()) {
    const ssize_t count = ::read(f.other.get(), answer.data() + got, answer.size() - got);
    REQUIRE(count > 0);
    got += static_cast<std::size_t>(count);
    f.run();
  }
  CHECK(answer.ends_with(large));
  CHECK(f.channel->queued() == 0);
}

TEST_CASE("A frame that is too long closes the channel") {
  Fixture f;
  f.send({kMaxFrame + 1, 7, 0, 0}, "");
  CHECK(f.closed == 1);
  CHECK(f.received.empty());
}

TEST_CASE("The end of the peer is reported once") {
  Fixture f;
  f.other.reset();
  f.run();
  f.run();
  CHECK(f.closed == 1);
}

TEST_CASE("finish() reports the end once, when everything has been sent") {
  Fixture f;
  f.channel->finish();
  CHECK(f.closed == 0);  // not from within
  f.run();
  CHECK(f.closed == 1);

  Fixture busy;
  busy.channel->send_text(1, 0, std::string(1'000'000, 'x'));
  busy.channel->finish();
  busy.run();
  CHECK(busy.closed == 0);
  std::vector<char> received(100'000);
  for (ssize_t count = 1; count > 0;) {
    count = ::read(busy.other.get(), received.data(), received.size());
    busy.run();
  }
  busy.run();
  CHECK(busy.closed == 1);
}

}  // namespace bothy::run
