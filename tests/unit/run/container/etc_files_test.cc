#include "run/container/etc_files.h"

#include <sys/stat.h>

#include "base/files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

struct Fixture {
  test::TemporaryDirectory directory;
  RunOptions options;

  Fixture() { options.hostname = "box"; }
  [[nodiscard]] EtcFiles write() const {
    return write_etc_files(directory.path(), options, -1, -1).value();
  }
  [[nodiscard]] std::string content(const char* name) const {
    return read_file(directory / name, 4096).value();
  }
};

}  // namespace

TEST_CASE("The files name the container and the name server of its network") {
  const Fixture f;
  CHECK(f.write().has_resolv_conf);
  CHECK(f.content("hostname") == "box\n");
  CHECK(f.content("hosts").find("10.0.2.15\tbox\n") != std::string::npos);
  CHECK(f.content("resolv.conf") == "nameserver 10.0.2.3\n");
  struct stat status {};
  REQUIRE(::stat((f.directory / "hosts").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0644U);
}

TEST_CASE("Without a network the image's name servers stay") {
  Fixture f;
  f.options.network = Network::kNone;
  CHECK_FALSE(f.write().has_resolv_conf);
  CHECK(f.content("hosts").find("127.0.0.1\tbox\n") != std::string::npos);
  CHECK_FALSE(exists(f.directory / "resolv.conf"));
}

TEST_CASE("--dns wins over the host's name servers") {
  Fixture f;
  f.options.network = Network::kHost;
  f.options.dns = {"192.0.2.1", "192.0.2.2"};
  CHECK(f.write().has_resolv_conf);
  CHECK(f.content("resolv.conf") == "nameserver 192.0.2.1\nnameserver 192.0.2.2\n");
}

TEST_CASE("A file that exists is not followed or replaced") {
  const Fixture f;
  f.directory.write("hosts", "another's");
  CHECK_FALSE(write_etc_files(f.directory.path(), f.options, -1, -1).has_value());
  CHECK(f.content("hosts") == "another's");
}

}  // namespace bothy::run
