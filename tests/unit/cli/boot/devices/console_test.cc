#include "cli/boot/devices/console.h"

#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"

namespace bothy {
namespace {

using Kind = CharacterBackendConfig::Kind;

std::string refused(const Result<ConsoleConfig>& console) {
  REQUIRE(console.has_error());
  return console.error().context;
}

std::string refused(const Result<PortConfig>& port) {
  REQUIRE(port.has_error());
  return port.error().context;
}

}  // namespace

TEST_CASE("--console names a kind, and where it is") {
  CHECK(parse_console("off").value().kind == ConsoleKind::kOff);
  CHECK(parse_console("serial").value().kind == ConsoleKind::kSerial);
  const ConsoleConfig pty = parse_console("virtio,pty").value();
  CHECK(pty.kind == ConsoleKind::kVirtio);
  CHECK(pty.backend.kind == Kind::kPty);
  const ConsoleConfig file = parse_console("file=/a,,b").value();
  CHECK(file.kind == ConsoleKind::kAuto);
  CHECK(file.backend == CharacterBackendConfig{Kind::kFile, "/a,b"});
  CHECK(parse_console("kind=auto,socket=/s").value().backend.kind == Kind::kSocket);
  CHECK(parse_console("serial").value().backend.kind == Kind::kStdio);
  const ConsoleConfig at_pty = parse_console("pty").value();
  CHECK(at_pty.kind == ConsoleKind::kAuto);
  CHECK(at_pty.backend.kind == Kind::kPty);
}

TEST_CASE("--console refuses what it doesn't know, in its own words") {
  for (const char* text :
       {"teletype", "virtio,colour", "virtio,pty,file=/x", "pty,file=/x", "file", "off,pty", ""}) {
    INFO(text);
    CHECK(refused(parse_console(text)).starts_with("--console: "));
  }
}

TEST_CASE("--port names a port, and where it is: at a pty by itself") {
  const PortConfig port = parse_port("agent").value();
  CHECK(port.name == "agent");
  CHECK_FALSE(port.is_console);
  CHECK(port.backend.kind == Kind::kPty);
  const PortConfig console = parse_port("name=second,console,socket=/s").value();
  CHECK(console.is_console);
  CHECK(console.backend == CharacterBackendConfig{Kind::kSocket, "/s"});
  for (const char* text : {"", "pty", "a,file=/x,socket=/y", "a,b"}) {
    INFO(text);
    const auto parsed = parse_port(text);
    CHECK((parsed.has_value() ? parsed.value().name == "pty"
                              : refused(parsed).starts_with("--port: ")));
  }
}

TEST_CASE("A machine file says the same") {
  CHECK(boost::json::serialize(describe(parse_console("virtio").value())) == R"("virtio")");
  CHECK(boost::json::serialize(describe(parse_console("serial,file=/f").value())) ==
        R"({"kind":"serial","file":"/f"})");
  CHECK(boost::json::serialize(describe(parse_port("a").value())) ==
        R"({"name":"a","console":false,"pty":true})");
  CHECK(boost::json::serialize(describe(parse_port("a,console,socket=/s").value())) ==
        R"({"name":"a","console":true,"socket":"/s"})");
}

}  // namespace bothy
