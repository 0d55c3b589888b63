// What comes and goes at a pseudo-terminal and at a socket.
#include <fcntl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "base/executor.h"
#include "devices/host/console/pty.h"
#include "devices/host/console/socket_backend.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"

namespace bothy {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Takes what limit() allows.
class Guest final : public CharacterReceiver {
 public:
  std::size_t receive(std::span<const std::byte> input) noexcept override {
    const std::lock_guard lock(mutex_);
    const std::size_t taken = std::min(input.size(), room_);
    text_.append(reinterpret_cast<const char*>(input.data()), taken);
    room_ -= taken;
    return taken;
  }
  void set_room_hook(std::function<void()> hook) noexcept override {
    const std::lock_guard lock(mutex_);
    hook_ = std::move(hook);
  }
  void limit(std::size_t room) {
    const std::lock_guard lock(mutex_);
    room_ = room;
    hook_();
  }
  std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
  std::size_t room_ = 1U << 20U;
  std::function<void()> hook_;
};

struct Rig {
  Executor executor{"test"};
  Guest guest;
  std::atomic<int> peers{0};
  std::atomic<int> arrivals{0};
  std::unique_ptr<CharacterBackend> backend;

  Rig() { REQUIRE(executor.start().has_value()); }
  ~Rig() {
    backend->release_writers();
    executor.stop();
  }
  void serve(std::unique_ptr<CharacterBackend> made) {
    backend = std::move(made);
    backend->serve(guest, [this](bool present) {
      peers += present ? 1 : -1;
      arrivals += present ? 1 : 0;
    });
  }
};

struct PtyRig : Rig {
  PtyRig() { serve(Pty::create(executor.context(), "--console", Unattended::kKeepNewest).value()); }
  [[nodiscard]] UniqueFd open() const {
    return UniqueFd(::open(backend->where().c_str(), O_RDWR | O_NOCTTY));
  }
};

struct SocketRig : Rig {
  std::string path;

  explicit SocketRig(Unattended unattended = Unattended::kWait) {
    static int number = 0;
    path = "/tmp/bothy-peer-test." + std::to_string(::getpid()) + "." + std::to_string(++number);
    serve(SocketBackend::create(executor.context(), "--port", path, unattended).value());
  }
  [[nodiscard]] UniqueFd connect() const { return connect_unix(path).value(); }
};

std::string read_exactly(int fd, std::size_t size) {
  std::string text(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const auto got = ::read(fd, text.data() + done, size - done);
    if (got <= 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  text.resize(done);
  return text;
}

void write_all(int fd, std::string_view text) {
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

}  // namespace

TEST_CASE("A program that opens the terminal reads earlier output, and its input arrives") {
  PtyRig rig;
  CHECK(rig.backend->try_write(bytes("printed before\n")) == 15);
  for (int i = 1; i <= 3; ++i) {
    UniqueFd terminal = rig.open();
    REQUIRE(terminal);
    CHECK(test::eventually([&] { return rig.peers == 1; }));
    CHECK(rig.arrivals == i);
    if (i == 1) {
      CHECK(read_exactly(terminal.get(), 15) == "printed before\n");
    }
    rig.backend->write(bytes("more"));
    CHECK(read_exactly(terminal.get(), 4) == "more");
    write_all(terminal.get(), "typed\r");
    CHECK(test::eventually(
        [&] { return rig.guest.text().size() == 6 * static_cast<std::size_t>(i); }));
    terminal.reset();
    CHECK(test::eventually([&] { return rig.peers == 0; }));
  }
  CHECK(rig.guest.text() == "typed\rtyped\rtyped\r");
}

TEST_CASE("Input of a program that has closed the terminal arrives") {
  PtyRig rig;
  REQUIRE(test::eventually([&] { return rig.peers == 0; }));
  std::promise<void> goes_on;
  boost::asio::post(rig.executor.context(), [&] { goes_on.get_future().wait(); });
  write_all(rig.open().get(), "typed\r");
  goes_on.set_value();
  CHECK(test::eventually([&] { return rig.guest.text() == "typed\r"; }));
  CHECK(test::eventually([&] { return rig.peers == 0; }));
}

TEST_CASE("The terminal is raw and passes output unchanged") {
  const PtyRig rig;
  const UniqueFd terminal = rig.open();
  termios modes{};
  REQUIRE(::tcgetattr(terminal.get(), &modes) == 0);
  CHECK((modes.c_lflag & (ICANON | ECHO | ISIG)) == 0);
  CHECK((modes.c_oflag & OPOST) == 0);
}

TEST_CASE("The newest of unread output is kept") {
  PtyRig rig;
  const std::string old(100 * 1024, 'o');
  CHECK(rig.backend->try_write(bytes(old)) == old.size());
  rig.backend->write(bytes(old));
  const std::string last = std::string(60 * 1024, 'n') + "end";
  CHECK(rig.backend->try_write(bytes(last)) == last.size());
  const UniqueFd terminal = rig.open();
  const std::string text = read_exactly(terminal.get(), OutputBuffer::kCapacity);
  CHECK(text.ends_with(last));
  CHECK(text.size() == OutputBuffer::kCapacity);
}

TEST_CASE("A client exchanges data, and the next client waits until it leaves") {
  SocketRig rig;
  UniqueFd first = rig.connect();
  CHECK(test::eventually([&] { return rig.peers == 1; }));
  const UniqueFd second = rig.connect();
  write_all(first.get(), "one ");
  write_all(second.get(), "two");
  CHECK(test::eventually([&] { return rig.guest.text() == "one "; }));
  rig.backend->write(bytes("answer"));
  CHECK(read_exactly(first.get(), 6) == "answer");
  CHECK(rig.arrivals == 1);
  first.reset();
  CHECK(test::eventually([&] { return rig.guest.text() == "one two"; }));
  rig.backend->write(bytes("again"));
  CHECK(read_exactly(second.get(), 5) == "again");
  CHECK(rig.arrivals == 2);
}

TEST_CASE(
    "A plain port's output waits for a client, and unread output is not for the next client") {
  SocketRig rig;
  std::atomic<int> rooms{0};
  rig.backend->set_room_hook([&] { ++rooms; });
  CHECK(rig.backend->try_write(bytes("nobody")) == 0);
  UniqueFd client = rig.connect();
  CHECK(test::eventually([&] { return rooms == 1; }));
  CHECK(test::eventually([&] { return rig.peers == 1; }));
  // More than socket and ring take.
  const std::string much(1U << 20U, 'x');
  std::size_t taken = 0;
  CHECK(test::eventually([&] {
    taken += rig.backend->try_write(bytes(much));
    return rooms >= 2;
  }));
  client.reset();
  CHECK(test::eventually([&] { return rig.peers == 0; }));
  const UniqueFd next = rig.connect();
  CHECK(test::eventually([&] { return rig.peers == 1; }));
  CHECK(rig.backend->try_write(bytes("new")) == 3);
  CHECK(read_exactly(next.get(), 3) == "new");
}

TEST_CASE("A client that has closed its sending side still receives") {
  SocketRig rig;
  UniqueFd client = rig.connect();
  write_all(client.get(), "question");
  REQUIRE(::shutdown(client.get(), SHUT_WR) == 0);
  CHECK(test::eventually([&] { return rig.guest.text() == "question"; }));
  rig.backend->write(bytes("answer"));
  CHECK(read_exactly(client.get(), 6) == "answer");
  CHECK(rig.peers == 1);
  client.reset();
  CHECK(test::eventually([&] { return rig.peers == 0; }));
}

TEST_CASE("Input of a client that has left arrives when the guest takes it later") {
  SocketRig rig;
  rig.guest.limit(3);
  UniqueFd client = rig.connect();
  const std::string much(20000, 'm');
  write_all(client.get(), much);
  client.reset();
  CHECK(test::eventually([&] { return rig.guest.text().size() == 3; }));
  rig.backend->write(bytes("for nobody"));
  rig.guest.limit(1U << 20U);
  CHECK(test::eventually([&] { return rig.guest.text() == much; }));
  CHECK(test::eventually([&] { return rig.peers == 0; }));
}

TEST_CASE("A writer that waits for a client is released") {
  SocketRig rig;
  std::atomic<bool> returned{false};
  std::thread writer([&] {
    rig.backend->write(bytes("nobody"));
    returned = true;
  });
  std::this_thread::sleep_for(10ms);
  CHECK_FALSE(returned);
  rig.backend->release_writers();
  writer.join();
  CHECK(returned);
}

TEST_CASE("Buffered output is flushed once the executor has stopped") {
  SocketRig rig(Unattended::kKeepNewest);
  const UniqueFd client = rig.connect();
  CHECK(test::eventually([&] { return rig.peers == 1; }));
  rig.executor.stop();
  rig.backend->write(bytes("last words"));
  rig.backend->flush(std::chrono::steady_clock::now() + test::kHangLimit);
  CHECK(read_exactly(client.get(), 10) == "last words");
}

TEST_CASE("A file is appended to; a failed open is an error with the flag's name") {
  Executor executor("test");
  const std::string path = "/tmp/bothy-file-test." + std::to_string(::getpid());
  const CharacterBackendConfig config{CharacterBackendConfig::Kind::kFile, path};
  for (int i = 0; i < 2; ++i) {
    auto file =
        create_backend(executor.context(), "--port", config, Unattended::kKeepNewest).value();
    file->write(bytes("line\n"));
    file->flush(std::chrono::steady_clock::now() + test::kHangLimit);
  }
  const UniqueFd written(::open(path.c_str(), O_RDONLY));
  CHECK(read_exactly(written.get(), 100) == "line\nline\n");
  ::unlink(path.c_str());
  const auto none = create_backend(executor.context(), "--port",
                                   {CharacterBackendConfig::Kind::kFile, "/nothere/file"},
                                   Unattended::kKeepNewest);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().context ==
        "--port: can't open '/nothere/file' for writing: No such file or directory");
}

}  // namespace bothy
