#include "devices/virtio/console/kind.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/key_values.h"
#include "devices/virtio/console/console.h"

namespace bothy {
namespace {

using Kind = CharacterBackendConfig::Kind;

constexpr std::array<std::pair<std::string_view, ConsoleKind>, 4> kKinds{
    {{"auto", ConsoleKind::kAuto},
     {"serial", ConsoleKind::kSerial},
     {"virtio", ConsoleKind::kVirtio},
     {"off", ConsoleKind::kOff}}};

// Nothing when no key names a backend.
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

// Linux keeps a port's name in sysfs, and takes any length; udev names a link after it.
constexpr std::size_t kMaxPortName = 63;

bool is_port_name(const std::string& name) noexcept {
  constexpr std::string_view kOther = "._:-";
  return !name.empty() && name.size() <= kMaxPortName && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOther.find(c) != std::string_view::npos;
  });
}

class PortKind final : public DeviceKind {
 public:
  constexpr PortKind() noexcept
      : DeviceKind({"port", "NAME[,console][,pty|,file=PATH|,socket=PATH]",
                    "Virtio port of the guest (/dev/virtio-ports/NAME), or a further console, at "
                    "a pty, a file or a socket (repeatable)",
                    Use::kRepeated},
                   {true, false}) {}

  [[nodiscard]] Result<DeviceConfig> parse(std::string_view text, std::size_t) const override {
    BOTHY_TRY(auto port, parse_port(text));
    return device_config(std::move(port));
  }
  [[nodiscard]] boost::json::value to_json(const DeviceConfig& config) const override {
    return describe(config.as<PortConfig>());
  }

  [[nodiscard]] Result<void> validate(DeviceConfigs configs, const MemoryPlan&) const override {
    if (configs.size() > virtio::Console::kMaxPorts) {
      return make_error(ErrorCode::kInvalid, "--port: too many ports: {}, and at most {} fit",
                        configs.size(), virtio::Console::kMaxPorts);
    }
    std::set<std::string_view> names;
    for (const DeviceConfig* config : configs) {
      const std::string& name = config->as<PortConfig>().name;
      if (!is_port_name(name)) {
        return make_error(ErrorCode::kInvalid,
                          "--port: invalid name '{}': expected 1 to {} letters, digits and '._:-'",
                          name, kMaxPortName);
      }
      if (!names.insert(name).second) {
        return make_error(ErrorCode::kInvalid, "--port: two ports are named '{}'", name);
      }
    }
    return success();
  }

  [[nodiscard]] std::optional<CharacterChannel> channel(const DeviceConfig& config) const override {
    const auto& port = config.as<PortConfig>();
    return CharacterChannel{"port " + port.name, port.backend,
                            port.is_console ? Unattended::kKeepNewest : Unattended::kWait};
  }

  [[nodiscard]] Result<std::unique_ptr<virtio::Device>> make(DeviceRequest request) const override {
    std::vector<virtio::ConsolePortSpec> specs;
    for (std::size_t i = 0; i < request.configs.size(); ++i) {
      const auto& port = request.configs[i]->as<PortConfig>();
      // A file always takes output; at any other backend a peer connects and disconnects.
      const bool open = port.backend.kind == CharacterBackendConfig::Kind::kFile;
      specs.push_back({port.name, port.is_console, open, request.sinks[i]});
    }
    return std::make_unique<virtio::Console>(request.executor, std::move(specs));
  }

  [[nodiscard]] std::vector<CharacterEnd> character_ends(virtio::Device& device) const override {
    auto& console = static_cast<virtio::Console&>(device);
    std::vector<CharacterEnd> ends(console.port_count());
    for (std::size_t i = 0; i < ends.size(); ++i) {
      ends[i] = {&console.port(i), [&console, i](bool open) { console.set_open(i, open); }};
    }
    return ends;
  }
};

constexpr PortKind kPortKind;

}  // namespace

Result<ConsoleConfig> parse_console(std::string_view text) {
  const bool backend_first = text == "pty" || text.starts_with("pty,");
  BOTHY_TRY(KeyValues values, KeyValues::parse("--console", text, backend_first ? "" : "kind"));
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
    return values.complain("off takes no pty, file or socket");
  }
  console.backend = std::move(backend).value_or(CharacterBackendConfig{});
  return console;
}

Result<PortConfig> parse_port(std::string_view text) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--port", text, "name"));
  PortConfig port;
  BOTHY_TRY(auto name, values.take_value("name"));
  if (!name) {
    return values.complain("missing a name: expected NAME[,console][,pty|,file=PATH|,socket=PATH]");
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

const DeviceKind& port_kind() noexcept {
  return kPortKind;
}

DeviceConfig device_config(PortConfig port) {
  return {kPortKind, std::move(port)};
}

}  // namespace bothy
