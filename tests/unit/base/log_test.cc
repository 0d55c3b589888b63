#include "base/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>

#include "base/log_output.h"
#include "base/unique_fd.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"

namespace bothy {
namespace {

// stderr is another file while one exists.
class OtherStderr {
 public:
  explicit OtherStderr(int fd) : before_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
    ::dup2(fd, STDERR_FILENO);
  }
  OtherStderr(const OtherStderr&) = delete;
  OtherStderr& operator=(const OtherStderr&) = delete;
  ~OtherStderr() { ::dup2(before_.get(), STDERR_FILENO); }

 private:
  const UniqueFd before_;
};

enum class Kind { kPipe, kSocket };

struct Stream {
  explicit Stream(Kind kind) {
    std::array<int, 2> ends{};
    REQUIRE((kind == Kind::kPipe
                 ? ::pipe2(ends.data(), O_CLOEXEC)
                 : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data())) == 0);
    reading = UniqueFd(ends[0]);
    writing = UniqueFd(ends[1]);
    ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
  }
  // What has been written so far.
  [[nodiscard]] std::string take() const {
    std::string text;
    std::array<char, 4096> piece{};
    for (ssize_t got = 0; (got = ::read(reading.get(), piece.data(), piece.size())) > 0;) {
      text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return text;
  }

  UniqueFd reading;
  UniqueFd writing;
};

}  // namespace

TEST_CASE("Log lines that nobody reads block nobody, and are counted") {
  const Stream stream(GENERATE(Kind::kPipe, Kind::kSocket));
  const std::string filling(999, 'x');
  {
    const OtherStderr other(stream.writing.get());
    for (int i = 0; i < 2000; ++i) {
      log_line(LogLevel::kWarning, filling);
    }
  }
  // Others who share stderr notice nothing.
  CHECK((::fcntl(stream.writing.get(), F_GETFL) & O_NONBLOCK) == 0);
  const std::string before = stream.take();
  CHECK(before.starts_with("bothy: warning: xxx"));
  {
    const OtherStderr other(stream.writing.get());
    log_line(LogLevel::kError, "at last");
    log_line(LogLevel::kError, "and again");
  }
  const std::string after = stream.take();
  CHECK(
      after.find("log lines were lost: stderr was not read\nbothy: at last\nbothy: and again\n") !=
      std::string::npos);
}

TEST_CASE("Once stderr is kept, it is looked at no more") {
  const Stream kept(Kind::kPipe);
  LogOutput output;
  {
    const OtherStderr other(kept.writing.get());
    output.keep_target();
  }
  output.write("line\n", std::chrono::milliseconds(100));
  CHECK(kept.take() == "line\n");
}

TEST_CASE("A log line without a reader is no failure") {
  Stream stream(Kind::kPipe);
  stream.reading.reset();
  const OtherStderr other(stream.writing.get());
  log_line(LogLevel::kError, "nobody");
}

TEST_CASE("A guest can write a burst of log lines, and then one a second") {
  test::ManualClock clock;
  LogLimiter limiter(3, clock);
  const auto allowed = [&limiter] {
    int count = 0;
    for (int i = 0; i < 100; ++i) {
      count += limiter.allow() ? 1 : 0;
    }
    return count;
  };
  CHECK(allowed() == 3);
  clock.advance(std::chrono::seconds(1));
  CHECK(allowed() == 1);
  CHECK(allowed() == 0);
  CHECK(limiter.dropped() == 300 - 4);
}

}  // namespace bothy
