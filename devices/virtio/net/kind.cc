#include "devices/virtio/net/kind.h"

#include <fcntl.h>

#include <boost/json/array.hpp>
#include <charconv>
#include <limits>

#include "base/key_values.h"
#include "devices/virtio/net/net.h"

namespace bothy {
namespace {

constexpr std::string_view kBackends = "expected exactly one of tap[=NAME], user and fd=N";

std::optional<MacAddress> parse_mac(std::string_view text) {
  MacAddress mac{};
  if (text.size() != 3 * mac.size() - 1) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* begin = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, mac[i], 16);
    if (error != std::errc() || end != begin + 2 || (i + 1 < mac.size() && begin[2] != ':')) {
      return std::nullopt;
    }
  }
  return mac;
}

Result<void> take_mac(KeyValues& values, NetConfig& config) {
  BOTHY_TRY(const auto text, values.take_value("mac"));
  if (!text) {
    config.mac = random_mac();
    return success();
  }
  const auto mac = parse_mac(*text);
  if (!mac) {
    return values.complain(fmt::format(
        "invalid value '{}' for mac: expected six bytes as in 02:00:00:00:00:01", *text));
  }
  if ((mac->front() & 1U) != 0 || *mac == MacAddress{}) {
    return values.complain(
        fmt::format("invalid value '{}' for mac: expected a unicast address (an even first byte, "
                    "and not all bytes zero)",
                    *text));
  }
  config.mac = *mac;
  return success();
}

Result<void> take_backend(KeyValues& values, NetConfig& config) {
  const auto tap = values.take("tap");
  BOTHY_TRY(const bool user, values.take_switch("user"));
  BOTHY_TRY(const auto fd, values.take_number("fd", 3, std::numeric_limits<int>::max()));
  if ((tap ? 1 : 0) + (user ? 1 : 0) + (fd ? 1 : 0) != 1) {
    return values.complain(kBackends);
  }
  if (tap) {
    config.backend = NetBackendKind::kTap;
    config.tap = *tap == "on" ? "" : *tap;  // {"tap": true} of a machine file
  } else if (user) {
    config.backend = NetBackendKind::kUser;
  } else {
    config.backend = NetBackendKind::kFd;
    config.fd = static_cast<int>(*fd);
    // Checked before bothy itself opens a file that gets this number.
    if (::fcntl(config.fd, F_GETFD) < 0) {
      return values.complain(
          fmt::format("fd={}: no such descriptor is open: bothy must inherit it", config.fd));
    }
  }
  return success();
}

// rx-iops and so on; `both` holds where the direction has no limit of its own.
Result<RateLimit> take_limit(KeyValues& values, std::string_view direction, const RateLimit& both) {
  BOTHY_TRY(const auto operations, values.take_number(fmt::format("{}iops", direction), 1,
                                                      std::numeric_limits<std::uint32_t>::max()));
  BOTHY_TRY(const auto bytes, values.take_size(fmt::format("{}bps", direction), 1));
  return RateLimit{operations.value_or(both.operations), bytes.value_or(both.bytes)};
}

void describe_limit(boost::json::object& object, std::string_view direction,
                    const RateLimit& limit) {
  if (limit.operations != 0) {
    object[fmt::format("{}-iops", direction)] = limit.operations;
  }
  if (limit.bytes != 0) {
    object[fmt::format("{}-bps", direction)] = limit.bytes;
  }
}

boost::json::object describe(const virtio::NetStatistics::Direction& direction) {
  return {
      {"packets", direction.packets}, {"bytes", direction.bytes}, {"dropped", direction.dropped}};
}

boost::json::value describe(std::span<virtio::Device* const> devices) {
  boost::json::array nets;
  for (const virtio::Device* device : devices) {
    const auto* net = static_cast<const virtio::Net*>(device);
    const virtio::NetStatistics statistics = net->statistics();
    nets.push_back(boost::json::object{{"backend", net->describe_backend()},
                                       {"mac", format_mac(net->mac())},
                                       {"link", net->link_up() ? "up" : "down"},
                                       {"received", describe(statistics.received)},
                                       {"sent", describe(statistics.sent)}});
  }
  return nets;
}

// Opened before the machine has threads and memory: a companion is a copy of this process.
class OpenedBackend final : public PreparedDevice {
 public:
  explicit OpenedBackend(std::unique_ptr<NetBackend> opened) : backend(std::move(opened)) {}

  std::unique_ptr<NetBackend> backend;
};

class NetKind final : public DeviceKind {
 public:
  constexpr NetKind() noexcept
      : DeviceKind({"net", "tap[=NAME]|user|fd=N[,KEY]...",
                    "Network device (repeatable). Keys: mac=ADDRESS, queues=N, mtu=N, iops=N, "
                    "bps=SIZE; of one direction: rx-iops, rx-bps, tx-iops, tx-bps",
                    Use::kRepeated}) {}

  [[nodiscard]] Result<DeviceConfig> parse(std::string_view text, std::size_t) const override {
    BOTHY_TRY(auto net, parse_net(text));
    return device_config(std::move(net));
  }
  [[nodiscard]] boost::json::value to_json(const DeviceConfig& config) const override {
    return bothy::describe(config.as<NetConfig>());
  }
  [[nodiscard]] Result<std::unique_ptr<PreparedDevice>> prepare(
      const DeviceConfig& config) const override {
    BOTHY_TRY(auto backend, open_net_backend(config.as<NetConfig>()));
    return std::unique_ptr<PreparedDevice>(std::make_unique<OpenedBackend>(std::move(backend)));
  }
  [[nodiscard]] Result<std::unique_ptr<virtio::Device>> make(DeviceRequest request) const override {
    auto backend = std::move(static_cast<OpenedBackend&>(*request.prepared).backend);
    return std::unique_ptr<virtio::Device>(std::make_unique<virtio::Net>(
        request.configs.front()->as<NetConfig>(), std::move(backend), request.executor));
  }
  void add_commands(std::span<virtio::Device* const> devices,
                    ControlCommands& commands) const override {
    const std::vector<virtio::Device*> nets(devices.begin(), devices.end());
    commands["net"] = {"net: show the network devices and their counters",
                       [nets](std::span<const std::string>) -> Result<boost::json::value> {
                         return describe(nets);
                       }};
  }
};

constexpr NetKind kNetKind;

}  // namespace

Result<NetConfig> parse_net(std::string_view text) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--net", text, ""));
  NetConfig config;
  BOTHY_TRY(take_backend(values, config));
  BOTHY_TRY(take_mac(values, config));
  BOTHY_TRY(const auto queues, values.take_number("queues", 1, NetConfig::kMaxQueues));
  BOTHY_TRY(const auto mtu, values.take_number("mtu", NetConfig::kMinMtu,
                                               std::numeric_limits<std::uint16_t>::max()));
  config.queues = static_cast<std::uint16_t>(queues.value_or(1));
  if (mtu) {
    config.mtu = static_cast<std::uint16_t>(*mtu);
  }
  BOTHY_TRY(const RateLimit both, take_limit(values, "", {}));
  BOTHY_TRY(config.receive, take_limit(values, "rx-", both));
  BOTHY_TRY(config.transmit, take_limit(values, "tx-", both));
  BOTHY_TRY(values.finish());
  if (config.queues > 1 && config.backend != NetBackendKind::kTap) {
    return values.complain("queues: only a tap can have more than one");
  }
  return config;
}

boost::json::object describe(const NetConfig& config) {
  boost::json::object object;
  switch (config.backend) {
    case NetBackendKind::kTap:
      object["tap"] = config.tap;
      break;
    case NetBackendKind::kUser:
      object["user"] = true;
      break;
    case NetBackendKind::kFd:
      object["fd"] = config.fd;
      break;
  }
  if (config.mac) {
    object["mac"] = format_mac(*config.mac);
  }
  object["queues"] = config.queues;
  if (config.mtu) {
    object["mtu"] = *config.mtu;
  }
  describe_limit(object, "rx", config.receive);
  describe_limit(object, "tx", config.transmit);
  return object;
}

std::string format_mac(const MacAddress& mac) {
  return fmt::format("{:02x}", fmt::join(mac, ":"));
}

const DeviceKind& net_kind() noexcept {
  return kNetKind;
}

DeviceConfig device_config(NetConfig net) {
  return {kNetKind, std::move(net)};
}

}  // namespace bothy
