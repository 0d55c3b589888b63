#include "devices/virtio/console/kind.h"

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

TEST_CASE("--console takes a kind and a backend") {
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

TEST_CASE("Invalid values of --console are refused with the flag's name") {
  for (const char* text :
       {"teletype", "virtio,colour", "virtio,pty,file=/x", "pty,file=/x", "file", "off,pty", ""}) {
    INFO(text);
    CHECK(refused(parse_console(text)).starts_with("--console: "));
  }
}

TEST_CASE("--port takes a name and a backend, a pty by default") {
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

TEST_CASE("Consoles and ports are described as a machine file has them") {
  CHECK(boost::json::serialize(describe(parse_console("virtio").value())) == R"("virtio")");
  CHECK(boost::json::serialize(describe(parse_console("serial,file=/f").value())) ==
        R"({"kind":"serial","file":"/f"})");
  CHECK(boost::json::serialize(describe(parse_port("a").value())) ==
        R"({"name":"a","console":false,"pty":true})");
  CHECK(boost::json::serialize(describe(parse_port("a,console,socket=/s").value())) ==
        R"({"name":"a","console":true,"socket":"/s"})");
}

TEST_CASE("Ports need names of their own, of letters that a path takes") {
  const auto valid = [](const std::vector<std::string>& names) {
    std::vector<DeviceConfig> ports;
    std::vector<const DeviceConfig*> configs;
    for (const std::string& name : names) {
      ports.push_back(device_config(PortConfig{name, false, {}}));
    }
    for (const DeviceConfig& port : ports) {
      configs.push_back(&port);
    }
    return port_kind().validate(configs, {}).has_value();
  };
  CHECK(valid({"agent.0", "org.qemu:x-y_z"}));
  for (const char* name : {"", "a/b", "agent.0", "a b", "\n"}) {
    INFO(name);
    CHECK_FALSE(valid({"agent.0", name}));
  }
  CHECK_FALSE(valid({std::string(64, 'x')}));
  std::vector<std::string> names;
  for (int i = 0; i < 16; ++i) {
    names.push_back(std::to_string(i));
  }
  CHECK(valid(names));
  names.emplace_back("one-more");
  CHECK_FALSE(valid(names));
}

TEST_CASE(
    "A port has a channel on the host: a plain port waits for its reader, a console doesn't") {
  const auto plain = port_kind().channel(port_kind().parse("agent", 0).value());
  REQUIRE(plain);
  CHECK(plain->label == "port agent");
  CHECK(plain->backend.kind == Kind::kPty);
  CHECK(plain->unattended == Unattended::kWait);
  CHECK(port_kind().channel(port_kind().parse("a,console", 0).value())->unattended ==
        Unattended::kKeepNewest);
}

}  // namespace bothy
