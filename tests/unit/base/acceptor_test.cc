#include "base/acceptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {
namespace {

// This process has no descriptor left while one exists.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const UniqueFd lowest(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest.get());
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

// The open descriptors that a program started now would inherit.
std::vector<int> inherited_descriptors() {
  std::vector<int> inherited;
  for (int fd = 3; fd < 1024; ++fd) {
    if (const int flags = ::fcntl(fd, F_GETFD); flags >= 0 && (flags & FD_CLOEXEC) == 0) {
      inherited.push_back(fd);
    }
  }
  return inherited;
}

}  // namespace

TEST_CASE("A listener isn't inherited by programs that are started meanwhile") {
  const test::TemporaryDirectory directory;
  boost::asio::io_context executor;
  const auto before = inherited_descriptors();
  const Acceptor acceptor(executor, UnixListener::bind("test", directory / "s").value(),
                          [](UniqueFd) {});
  CHECK(inherited_descriptors() == before);
}

TEST_CASE("Clients are handed over until the acceptor is destroyed") {
  const test::TemporaryDirectory directory;
  boost::asio::io_context executor;
  int clients = 0;
  std::optional<Acceptor> acceptor;
  acceptor.emplace(executor, UnixListener::bind("test", directory / "s").value(),
                   [&](UniqueFd) { ++clients; });
  const auto first = connect_unix(directory / "s");
  const auto second = connect_unix(directory / "s");
  REQUIRE(second);
  executor.poll();
  CHECK(clients == 2);
  acceptor.reset();
  CHECK_FALSE(connect_unix(directory / "s"));
  executor.run();  // nothing is left to wait for
  CHECK(clients == 2);
}

TEST_CASE("A client for which there is no descriptor waits, and keeps the executor idle") {
  const test::TemporaryDirectory directory;
  boost::asio::io_context executor;
  int clients = 0;
  const Acceptor acceptor(executor, UnixListener::bind("test", directory / "s").value(),
                          [&](UniqueFd) { ++clients; });
  const auto client = connect_unix(directory / "s");
  REQUIRE(client);
  std::size_t turns = 0;
  {
    // UBSan wants a descriptor for the first look at an object's type.
    boost::asio::io_context other;
    Timer(other).start(std::chrono::hours(1), [] {});
    const NoDescriptors none;
    turns = executor.poll();
  }
  CHECK(turns == 1);
  CHECK(clients == 0);
  while (clients == 0) {
    executor.run_one();
  }
  CHECK(clients == 1);
}

}  // namespace bothy
