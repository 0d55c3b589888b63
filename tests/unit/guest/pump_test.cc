#include "guest/init/pump.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>

#include "guest/init/power.h"
#include "tests/support/catch.h"

// In a guest this ends the machine.
namespace bothy::init {
void fail(Text what, int /*error*/) {
  UNSCOPED_INFO(std::string(what.data, what.size));
  std::abort();
}
}  // namespace bothy::init

using namespace bothy::init;

namespace {

void open_loop_once() {
  static const bool opened = [] {
    std::signal(SIGPIPE, SIG_IGN);
    loop_open();
    return true;
  }();
  REQUIRE(opened);
}

// A pump from a pipe, whose writing end is the test's, to a socket, whose peer is the test's.
struct Rig {
  Rig() {
    open_loop_once();
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    writer = ends[1];
    endpoint_open(from, ends[0], Endpoint::kPipe);
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    peer = ends[1];
    endpoint_open(to, ends[0], Endpoint::kSocket);
    REQUIRE(pump_open(pump, from, to));
    pump.owner = this;
    pump.on_done = [](void* owner) { ++static_cast<Rig*>(owner)->times_done; };
  }
  ~Rig() {
    pump_close(pump);
    close(writer);
    close(peer);
  }
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  // What the peer has to read now; `ended` when that is all there will ever be.
  std::string take() {
    std::string all;
    std::array<char, 4096> piece{};
    for (;;) {
      const ssize_t got = read(peer, piece.data(), piece.size());
      if (got == 0) ended = true;
      if (got <= 0) return all;
      all.append(piece.data(), static_cast<std::size_t>(got));
    }
  }
  // As much of it as the pipe takes now.
  std::size_t put(std::string_view data) {
    const ssize_t wrote = write(writer, data.data(), data.size());
    return wrote > 0 ? static_cast<std::size_t>(wrote) : 0;
  }
  void finish_writing() {
    close(writer);
    writer = -1;
  }

  int writer = -1;
  int peer = -1;
  bool ended = false;
  int times_done = 0;
  Endpoint from;
  Endpoint to;
  Pump pump;
};

std::string pattern(std::size_t size) {
  std::string data(size, '\0');
  for (std::size_t i = 0; i < size; ++i) data[i] = static_cast<char>(i * 7 + i / 251);
  return data;
}

}  // namespace

TEST_CASE("a pump moves all bytes, then the end, through a reader that is slow") {
  Rig rig;
  const std::string data = pattern(1U << 20U);
  std::string got;
  std::size_t put = 0;
  for (int round = 0; round < 10000 && !rig.ended; ++round) {
    if (put < data.size()) put += rig.put(std::string_view(data).substr(put));
    if (put == data.size()) rig.finish_writing();
    loop_round(0);
    if (round % 3 == 0) got += rig.take();
  }
  CHECK(rig.ended);
  CHECK(got == data);
  CHECK(rig.times_done == 1);
}

TEST_CASE("a pump holds the writer up while nobody reads") {
  Rig rig;
  const std::string data = pattern(1U << 20U);
  std::size_t put = 0;
  std::size_t before = 1;
  for (int quiet = 0; quiet < 10; quiet = put == before ? quiet + 1 : 0) {
    before = put;
    put += rig.put(std::string_view(data).substr(put));
    loop_round(0);
  }
  CHECK(put < data.size());
  CHECK(rig.to.watch.armed != 0);
  CHECK(rig.from.watch.armed == 0);
  CHECK(rig.times_done == 0);
  // And nothing of it is lost when the writer is gone meanwhile.
  pump_drain(rig.pump);
  std::string got;
  for (int round = 0; round < 10000 && !rig.ended; ++round) {
    loop_round(0);
    got += rig.take();
  }
  CHECK(got == data.substr(0, put));
  CHECK(rig.times_done == 1);
}

TEST_CASE("a pump whose reader is gone breaks the writer's pipe") {
  Rig rig;
  close(rig.peer);
  rig.peer = -1;
  CHECK(rig.put("lost") == 4);
  loop_round(0);
  CHECK(rig.times_done == 1);
  CHECK(rig.put("more") == 0);
  CHECK(errno == EPIPE);
}

TEST_CASE("draining ends with what is there, though the pipe stays open") {
  Rig rig;
  CHECK(rig.put("last words") == 10);
  pump_drain(rig.pump);
  CHECK(rig.times_done == 1);
  CHECK(rig.take() == "last words");
  CHECK(rig.ended);
  CHECK(rig.put("too late") == 0);
}

TEST_CASE("draining nothing is done at once, and only once") {
  Rig rig;
  pump_drain(rig.pump);
  pump_drain(rig.pump);
  CHECK(rig.times_done == 1);
  CHECK(rig.take().empty());
  CHECK(rig.ended);
}

TEST_CASE("draining ends though somebody goes on writing") {
  Rig rig;
  pump_drain(rig.pump);
  CHECK(rig.times_done == 1);
  Rig busy;
  const std::string data = pattern(60000);
  std::size_t got = 0;
  CHECK(busy.put(data) > 0);
  // So much that the peer's buffer is full, and the drain has to wait.
  while (busy.put(data) > 0) loop_round(0);
  pump_drain(busy.pump);
  CHECK(busy.times_done == 0);
  for (int round = 0; round < 10000 && !busy.ended; ++round) {
    busy.put(data);
    loop_round(0);
    got += busy.take().size();
  }
  CHECK(busy.ended);
  CHECK(busy.times_done == 1);
  CHECK(got < 4U << 20U);
}
