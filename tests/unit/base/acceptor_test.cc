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

}  // namespace

TEST_CASE("Clients are handed over, until the acceptor is gone") {
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

TEST_CASE("A client for whom there is no descriptor waits, and keeps nobody busy") {
  const test::TemporaryDirectory directory;
  boost::asio::io_context executor;
  int clients = 0;
  const Acceptor acceptor(executor, UnixListener::bind("test", directory / "s").value(),
                          [&](UniqueFd) { ++clients; });
  const auto client = connect_unix(directory / "s");
  REQUIRE(client);
  std::size_t turns = 0;
  {
    const NoDescriptors none;  // UBSan wants one for each check
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
