#include "devices/host/console/output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "base/executor.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"

namespace bothy {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;

  Pipe() {
    std::array<int, 2> fds{};
    REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
    reader.reset(fds[0]);
    writer.reset(fds[1]);
  }
};

std::string read_all(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const auto size = ::read(fd, buffer.data(), buffer.size());
    if (size <= 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

TEST_CASE("A file that reaches its limit is truncated") {
  const std::string path = "/tmp/bothy-limit-test." + std::to_string(::getpid());
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  ::unlink(path.c_str());
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  auto output = ConsoleOutput::create(executor.context(), file.get(), {}).value();
  output->set_limit(10'000);
  for (int i = 0; i < 100; ++i) {
    output->write(bytes(std::string(999, 'x') + "\n"));
  }
  output->write(bytes("last words"));
  executor.stop();
  output->flush(std::chrono::steady_clock::now() + test::kHangLimit);
  REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
  const std::string text = read_all(file.get());
  CHECK(text.size() < 15'000);
  CHECK(text.ends_with("last words"));
}

TEST_CASE("The last output stays in a file that it fills up to the limit") {
  const std::string path = "/tmp/bothy-limit-test." + std::to_string(::getpid());
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  ::unlink(path.c_str());
  boost::asio::io_context executor;
  auto output = ConsoleOutput::create(executor, file.get(), {}).value();
  output->set_limit(10'000);
  const std::string words = "last words";
  output->write(bytes(std::string(3 * std::size_t{PIPE_BUF} - words.size(), 'x') + words));
  output->flush(std::chrono::steady_clock::now() + test::kHangLimit);
  REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
  CHECK(read_all(file.get()).ends_with(words));
}

TEST_CASE("The output of several threads arrives complete with a slow reader") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  auto output = ConsoleOutput::create(executor.context(), pipe.writer.get(), {}).value();
  pipe.writer.reset();

  // Twice what the ring and the pipe hold together: the writers must wait for the reader.
  constexpr std::size_t kEach = 128U << 10U;
  std::vector<std::thread> writers;
  for (const char letter : {'a', 'b'}) {
    writers.emplace_back([&output, letter] {
      const std::string piece(1024, letter);
      for (std::size_t i = 0; i < kEach / piece.size(); ++i) {
        output->write(bytes(piece));
      }
    });
  }
  std::string text;
  std::thread reader([&] { text = read_all(pipe.reader.get()); });
  for (std::thread& writer : writers) {
    writer.join();
  }
  executor.stop();
  output->flush(std::chrono::steady_clock::now() + test::kHangLimit);
  output.reset();
  reader.join();
  CHECK(std::count(text.begin(), text.end(), 'a') == kEach);
  CHECK(std::count(text.begin(), text.end(), 'b') == kEach);
}

TEST_CASE("A stalled reader blocks the writer until the writer is released") {
  Pipe pipe;
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  auto output = ConsoleOutput::create(executor.context(), pipe.writer.get(), {}).value();
  std::atomic<bool> returned{false};
  std::thread writer([&] {
    output->write(bytes(std::string(512 * 1024, 'x')));
    returned = true;
  });
  std::this_thread::sleep_for(20ms);
  CHECK_FALSE(returned);
  output->release_writers();
  writer.join();
  CHECK(returned);
  executor.stop();
}

TEST_CASE("A closed reader is reported once, and writing continues") {
  std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  std::atomic<int> reports{0};
  std::atomic<int> reason{0};
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  auto output = ConsoleOutput::create(executor.context(), pipe.writer.get(), [&](int error_number) {
                  reason = error_number;
                  ++reports;
                }).value();
  pipe.reader.reset();
  for (int i = 0; i < 100; ++i) {
    output->write(bytes(std::string(4096, 'x')));
  }
  CHECK(test::eventually([&] { return reports > 0; }));
  CHECK(reports == 1);
  CHECK(reason == EPIPE);
  executor.stop();
}

TEST_CASE("A regular file, which can't be polled, receives all output") {
  UniqueFd file(::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  REQUIRE(file);
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  auto output = ConsoleOutput::create(executor.context(), file.get(), {}).value();
  output->write(bytes(std::string(200 * 1024, 'y')));
  executor.stop();
  output->flush(std::chrono::steady_clock::now() + test::kHangLimit);
  CHECK(::lseek(file.get(), 0, SEEK_END) == 200 * 1024);
}

TEST_CASE("A sender that doesn't wait is notified of room") {
  Pipe pipe;
  Executor executor("test");
  REQUIRE(executor.start().has_value());
  auto output = ConsoleOutput::create(executor.context(), pipe.writer.get(), {}).value();
  std::atomic<int> rooms{0};
  output->set_room_hook([&] { ++rooms; });
  const std::string much(1U << 20U, 'x');
  const std::size_t taken = output->try_write(bytes(much));
  CHECK(taken == OutputBuffer::kCapacity);
  std::size_t read = 0;
  std::array<char, 4096> buffer;
  while (rooms == 0) {
    read += static_cast<std::size_t>(::read(pipe.reader.get(), buffer.data(), buffer.size()));
  }
  CHECK(rooms == 1);
  CHECK(read <= taken);
  CHECK(output->try_write(bytes("y")) == 1);
  output->set_room_hook(nullptr);
  output->release_writers();
  CHECK(output->try_write(bytes(much)) == much.size());
  executor.stop();
}

}  // namespace bothy
