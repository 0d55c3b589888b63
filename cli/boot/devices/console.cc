#include "cli/boot/devices/console.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "cli/boot/key_values.h"

namespace bothy {
namespace {

using Kind = CharacterBackendConfig::Kind;

constexpr std::array<std::pair<std::string_view, ConsoleKind>, 4> kKinds{
    {{"auto", ConsoleKind::kAuto},
     {"serial", ConsoleKind::kSerial},
     {"virtio", ConsoleKind::kVirtio},
     {"off", ConsoleKind::kOff}}};

// Nothing when none is named.
Result<std::optional<CharacterBackendConfig>> take_backend(KeyValues& values) {
  std::optional<CharacterBackendConfig> backend;
  BOTHY_TRY(const bool pty, values.take_switch("pty"));
  BOTHY_TRY(auto file, values.take_value("file"));
  BOTHY_TRY(auto socket, values.take_value("socket"));
  if ((pty ? 1 : 0) + (file ? 1 : 0) + (socket ? 1 : 0) > 1) {
    return values.complain("pty, file and socket exclude each other");
  }
  if (pty) {
    backend = CharacterBackendConfig{Kind::kPty, {}};
  } else if (file) {
    backend = CharacterBackendConfig{Kind::kFile, *std::move(file)};
  } else if (socket) {
    backend = CharacterBackendConfig{Kind::kSocket, *std::move(socket)};
  }
  return backend;
}

void describe_backend(boost::json::object& object, const CharacterBackendConfig& backend) {
  switch (backend.kind) {
    case Kind::kStdio:
      break;
    case Kind::kPty:
      object["pty"] = true;
      break;
    case Kind::kFile:
      object["file"] = backend.path;
      break;
    case Kind::kSocket:
      object["socket"] = backend.path;
      break;
  }
}

}  // namespace

Result<ConsoleConfig> parse_console(std::string_view text) {
  const bool place_first = text == "pty" || text.starts_with("pty,");
  BOTHY_TRY(KeyValues values, KeyValues::parse("--console", text, place_first ? "" : "kind"));
  ConsoleConfig console;
  BOTHY_TRY(auto chosen, values.take_choice("kind", {"auto", "serial", "virtio", "off"}));
  const std::string kind = std::move(chosen).value_or("auto");
  for (const auto& [name, value] : kKinds) {
    if (kind == name) {
      console.kind = value;
    }
  }
  BOTHY_TRY(auto backend, take_backend(values));
  BOTHY_TRY(values.finish());
  if (backend && console.kind == ConsoleKind::kOff) {
    return values.complain("no console needs no pty, file or socket");
  }
  console.backend = std::move(backend).value_or(CharacterBackendConfig{});
  return console;
}

Result<PortConfig> parse_port(std::string_view text) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--port", text, "name"));
  PortConfig port;
  BOTHY_TRY(auto name, values.take_value("name"));
  if (!name) {
    return values.complain("it needs a name: --port NAME[,pty|,file=PATH|,socket=PATH]");
  }
  port.name = *std::move(name);
  BOTHY_TRY(port.is_console, values.take_switch("console"));
  BOTHY_TRY(auto backend, take_backend(values));
  BOTHY_TRY(values.finish());
  port.backend = std::move(backend).value_or(port.backend);
  return port;
}

std::string_view name_of(ConsoleKind kind) noexcept {
  for (const auto& [name, value] : kKinds) {
    if (kind == value) {
      return name;
    }
  }
  return {};
}

boost::json::value describe(const ConsoleConfig& console) {
  const std::string_view kind = name_of(console.kind);
  if (console.backend.kind == Kind::kStdio) {
    return boost::json::value(boost::json::string_view(kind.data(), kind.size()));
  }
  boost::json::object object{{"kind", boost::json::string_view(kind.data(), kind.size())}};
  describe_backend(object, console.backend);
  return object;
}

boost::json::object describe(const PortConfig& port) {
  boost::json::object object{{"name", port.name}, {"console", port.is_console}};
  describe_backend(object, port.backend);
  return object;
}

}  // namespace bothy
