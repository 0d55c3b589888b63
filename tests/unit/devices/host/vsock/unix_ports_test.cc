#include "devices/host/vsock/unix_ports.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/unix_sockets.h"

namespace bothy {
namespace {

using test::TemporaryDirectory;
using test::unix_connect;
using test::unix_listen;

}  // namespace

TEST_CASE("A listening path has mode 0600, and is removed with the listener") {
  const TemporaryDirectory directory;
  const std::string path = directory / "ports";
  {
    const UnixPorts ports = UnixPorts::listen("--vsock", path).value();
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    int error = 0;
    CHECK(!ports.accept(error));
    CHECK(error == EAGAIN);
    const UniqueFd client = unix_connect(path);
    CHECK(ports.accept(error));
  }
  CHECK(!std::filesystem::exists(path));
}

TEST_CASE("A stale socket is replaced; a socket in use or another type of file is not") {
  const TemporaryDirectory directory;
  const std::string path = directory / "ports";
  SECTION("stale") {
    unix_listen(path).reset();
    REQUIRE(std::filesystem::exists(path));
    const UnixPorts ports = UnixPorts::listen("--vsock", path).value();
    CHECK(unix_connect(path));
  }
  SECTION("in use") {
    const UniqueFd other = unix_listen(path);
    const auto ports = UnixPorts::listen("--vsock", path);
    REQUIRE(!ports);
    CHECK(ports.error().code == ErrorCode::kBusy);
    CHECK(unix_connect(path));
  }
  SECTION("in use, and overrun") {
    const UniqueFd other = unix_listen(path, 0);
    const UniqueFd waits = unix_connect(path);
    REQUIRE(!unix_connect(path));
    const auto ports = UnixPorts::listen("--vsock", path);
    REQUIRE(!ports);
    CHECK(ports.error().code == ErrorCode::kBusy);
  }
  SECTION("a file") {
    std::ofstream(path) << "somebody's";
    const auto ports = UnixPorts::listen("--vsock", path);
    REQUIRE(!ports);
    CHECK(ports.error().code == ErrorCode::kInvalid);
    CHECK(std::filesystem::file_size(path) == 10);
  }
}

TEST_CASE("A path that is too long for a port number is refused") {
  const TemporaryDirectory directory;
  const auto ports = UnixPorts::listen("--vsock", directory / std::string(90, 'x'));
  REQUIRE(!ports);
  CHECK(ports.error().code == ErrorCode::kInvalid);
  CHECK(ports.error().context.starts_with("--vsock: "));
}

TEST_CASE("A port is the socket of its number") {
  const TemporaryDirectory directory;
  const UnixPorts ports = UnixPorts::listen("--vsock", directory / "ports").value();
  int error = 0;
  CHECK(!ports.connect(52, error));
  CHECK(error == ENOENT);
  {
    const UniqueFd listener = unix_listen(directory / "ports_52");
    CHECK(ports.connect(52, error));
    CHECK(error == 0);
  }
  CHECK(!ports.connect(52, error));
  CHECK(error == ECONNREFUSED);
  const UniqueFd last = unix_listen(directory / "ports_4294967295", 0);
  const UniqueFd first = ports.connect(4294967295, error);
  CHECK(first);
  CHECK(!ports.connect(4294967295, error));
  CHECK(error == EAGAIN);
}

}  // namespace bothy
