#include "cli/boot/devices/net.h"

#include <fcntl.h>

#include <boost/json/object.hpp>
#include <charconv>
#include <limits>

#include "cli/boot/key_values.h"

namespace bothy {
namespace {

constexpr std::string_view kWants = "it needs one of tap[=NAME], user and fd=N";

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
    return values.complain(
        fmt::format("mac={} is no address: six bytes as in 02:00:00:00:00:01", *text));
  }
  if ((mac->front() & 1U) != 0 || *mac == MacAddress{}) {
    return values.complain(fmt::format(
        "mac={} is no single device's: its first byte must be even, and not all zero", *text));
  }
  config.mac = *mac;
  return success();
}

Result<void> take_backend(KeyValues& values, NetConfig& config) {
  const auto tap = values.take("tap");
  BOTHY_TRY(const bool user, values.take_switch("user"));
  BOTHY_TRY(const auto fd, values.take_number("fd", 3, std::numeric_limits<int>::max()));
  if ((tap ? 1 : 0) + (user ? 1 : 0) + (fd ? 1 : 0) != 1) {
    return values.complain(kWants);
  }
  if (tap) {
    config.backend = NetBackendKind::kTap;
    config.tap = *tap == "on" ? "" : *tap;  // {"tap": true} of a machine file
  } else if (user) {
    config.backend = NetBackendKind::kUser;
  } else {
    config.backend = NetBackendKind::kFd;
    config.fd = static_cast<int>(*fd);
    // Before we open one of that number ourselves.
    if (::fcntl(config.fd, F_GETFD) < 0) {
      return values.complain(fmt::format("fd={} is no descriptor that we were given", config.fd));
    }
  }
  return success();
}

// rx-iops and its like; what is said for both ways holds where nothing else is said.
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
    return values.complain("only a tap has several queues");
  }
  return config;
}

std::vector<NetConfig> parse_nets(const std::vector<std::string>& texts) {
  std::vector<NetConfig> nets;
  for (const std::string& text : texts) {
    nets.push_back(parse_net(text).value());
  }
  return nets;
}

boost::json::array describe(const std::vector<NetConfig>& nets) {
  boost::json::array array;
  for (const NetConfig& net : nets) {
    array.push_back(describe(net));
  }
  return array;
}

std::string format_mac(const MacAddress& mac) {
  return fmt::format("{:02x}", fmt::join(mac, ":"));
}

}  // namespace bothy
