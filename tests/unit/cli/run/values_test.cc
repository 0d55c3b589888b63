#include "cli/run/values.h"

#include <sys/resource.h>

#include <cstdlib>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {

TEST_CASE("-p maps a port of the host to one of the guest") {
  const auto port = parse_published_port("8080:80").value();
  CHECK(port.host == 8080);
  CHECK(port.guest == 80);
  CHECK_FALSE(port.udp);
  CHECK(port.address.empty());
  const auto udp = parse_published_port("127.0.0.1:53:5353/udp").value();
  CHECK(udp.address == "127.0.0.1");
  CHECK(parse_published_port("[2001:db8::1]:53:5353/udp").value().address == "2001:db8::1");
  CHECK(udp.host == 53);
  CHECK(udp.guest == 5353);
  CHECK(udp.udp);
  for (const char* text :
       {"", "80", "80:", ":80", "0:80", "80:65536", "80:80/sctp", "x:80:80", "80:80 ", "1:2:3:4"}) {
    INFO(text);
    CHECK(parse_published_port(text).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("-v takes an existing directory or file and an absolute path") {
  const test::TemporaryDirectory directory;
  const auto volume = parse_volume(directory.path() + ":/mnt:ro").value();
  CHECK(volume.source == std::filesystem::canonical(directory.path()));
  CHECK(volume.target == "/mnt");
  CHECK(volume.read_only);
  CHECK_FALSE(parse_volume(directory.path() + ":/mnt").value().read_only);
  CHECK(parse_volume(directory / "nothere:/mnt").error().code == ErrorCode::kNotFound);
  for (const char* rest : {"", ":", ":mnt", ":/", ":/mnt:rx"}) {
    INFO(rest);
    CHECK(parse_volume(directory.path() + rest).error().code == ErrorCode::kInvalid);
  }
  const std::string file = directory.write("file", "");
  CHECK(parse_volume(file + ":/mnt").value().file);
  CHECK_FALSE(volume.file);
  CHECK(parse_volume("/dev/null:/mnt").error().code == ErrorCode::kUnsupported);
}

TEST_CASE("--mount takes the same as keys and values") {
  const test::TemporaryDirectory directory;
  run::RunOptions options;
  REQUIRE(parse_mount("type=bind,src=" + directory.path() + ",dst=/mnt,readonly", options));
  REQUIRE(parse_mount("type=tmpfs,target=/tmp,tmpfs-size=64m", options));
  REQUIRE(options.volumes.size() == 1);
  CHECK(options.volumes[0].read_only);
  REQUIRE(options.tmpfs.size() == 1);
  CHECK(options.tmpfs[0].options == "size=64m");
  for (const char* text : {"", "type=nfs,target=/x", "type=bind,target=/x", "type=tmpfs",
                           "type=tmpfs,target=x", "type=tmpfs,target=/x,colour=red"}) {
    INFO(text);
    CHECK(parse_mount(text, options).has_error());
  }
}

TEST_CASE("--ulimit takes a name and limits") {
  const auto limit = parse_rlimit("nofile=100:200").value();
  CHECK(limit.resource == RLIMIT_NOFILE);
  CHECK(limit.soft == 100);
  CHECK(limit.hard == 200);
  CHECK(parse_rlimit("core=unlimited").value().hard == RLIM_INFINITY);
  CHECK(parse_rlimit("nproc=5").value().hard == 5);
  for (const char* text : {"", "nofile", "nofile=", "files=1", "nofile=2:1", "nofile=1:2:3"}) {
    INFO(text);
    CHECK(parse_rlimit(text).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("-e takes a variable, or the name of one of this process") {
  ::setenv("BOTHY_TEST_VARIABLE", "ours", 1);
  ::unsetenv("BOTHY_TEST_NOTHING");
  CHECK(parse_environment({"A=b=c", "BOTHY_TEST_VARIABLE", "BOTHY_TEST_NOTHING"}).value() ==
        std::vector<std::string>{"A=b=c", "BOTHY_TEST_VARIABLE=ours"});
  const test::TemporaryDirectory directory;
  const std::string file = directory.write("env", "# comment\n\nA=1\n  B=2\n");
  CHECK(read_environment_file(file).value() == std::vector<std::string>{"A=1", "B=2"});
  CHECK(read_environment_file(directory / "nothere").error().code == ErrorCode::kNotFound);
}

TEST_CASE("--pull takes one of three values") {
  CHECK(parse_pull("missing").value() == run::Pull::kMissing);
  CHECK(parse_pull("never").value() == run::Pull::kNever);
  CHECK(parse_pull("always").value() == run::Pull::kAlways);
  CHECK(parse_pull("sometimes").error().code == ErrorCode::kInvalid);
}

TEST_CASE("--network takes one of five values") {
  run::RunOptions options;
  REQUIRE(parse_network("none", options));
  CHECK(options.network == run::Network::kNone);
  REQUIRE(parse_network("tap=vm0", options));
  CHECK(options.network_name == "vm0");
  REQUIRE(parse_network("host", options));
  CHECK(options.network == run::Network::kHost);
  REQUIRE(parse_network("ns:/run/netns/x", options));
  CHECK(options.network == run::Network::kNamespace);
  CHECK(options.network_name == "/run/netns/x");
  REQUIRE(parse_network("ns:x", options));
  CHECK(options.network_name.front() == '/');
  for (const char* text : {"", "tap=", "ns:", "bridge"}) {
    INFO(text);
    CHECK(parse_network(text, options).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("--cpus takes whole CPUs and thousandths") {
  CHECK(parse_cpus("1").value() == 1000);
  CHECK(parse_cpus("0.5").value() == 500);
  CHECK(parse_cpus("2.025").value() == 2025);
  for (const char* text : {"", "0", "0.0", "-1", "1.", ".5", "1.-5", "1,5", "1.0001", "0.0005",
                           "1x", "9999", "99999999999999999999"}) {
    INFO(text);
    CHECK(parse_cpus(text).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("Limits of memory and processes are at least 1") {
  CHECK(parse_memory_limit("64M").value() == 64U << 20U);
  CHECK(parse_memory_limit("0").error().code == ErrorCode::kInvalid);
  CHECK(parse_process_limit("1").value() == 1);
  for (const char* text : {"", "0", "-1", "x", "4194305"}) {
    INFO(text);
    CHECK(parse_process_limit(text).error().code == ErrorCode::kInvalid);
  }
}

TEST_CASE("Errors of flags name the flag, the value and what is expected") {
  CHECK(parse_published_port("80").error().context ==
        "-p: invalid port mapping '80': expected HOST:GUEST");
  CHECK(parse_published_port("80:80/sctp").error().context ==
        "-p: invalid protocol 'sctp': expected tcp or udp");
  CHECK(parse_volume("/nothere:/mnt").error().context ==
        "-v: can't mount '/nothere': No such file or directory");
  CHECK(parse_rlimit("nofile=x").error().context ==
        "--ulimit: invalid limit 'x': expected a number or unlimited");
  CHECK(parse_pull("sometimes").error().context ==
        "--pull: invalid policy 'sometimes': expected missing, never or always");
}

}  // namespace bothy
