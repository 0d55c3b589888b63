#include "devices/virtio/balloon/kind.h"

#include "base/key_values.h"
#include "base/units.h"
#include "devices/virtio/balloon/pages.h"

namespace bothy {
namespace {

constexpr std::uint64_t kMaxStatisticsInterval = std::uint64_t{24} * 60 * 60;  // seconds

// `balloon` is null for a machine without one.
Result<boost::json::value> run_command(virtio::Balloon* balloon,
                                       std::span<const std::string> arguments) {
  if (balloon == nullptr) {
    return make_error(ErrorCode::kNotFound,
                      "this machine has no balloon: boot it with --balloon size=0");
  }
  if (arguments.size() > 1) {
    return make_error(ErrorCode::kInvalid, "balloon: too many arguments: expected [SIZE]");
  }
  if (arguments.size() == 1) {
    BOTHY_TRY(const std::uint64_t size, parse_size(arguments.front()));
    BOTHY_TRY(balloon->set_size(size));
  }
  return describe(balloon->status());
}

class BalloonKind final : public DeviceKind {
 public:
  constexpr BalloonKind() noexcept
      : DeviceKind({"balloon", "size=SIZE[,KEY]...",
                    "Memory balloon that takes SIZE from the guest. Keys: deflate-on-oom, "
                    "free-page-reporting, stats=SECONDS"}) {}

  [[nodiscard]] Result<DeviceConfig> parse(std::string_view text, std::size_t) const override {
    BOTHY_TRY(const auto config, parse_balloon(text));
    return device_config(config);
  }
  [[nodiscard]] boost::json::value to_json(const DeviceConfig& config) const override {
    return describe(config.as<virtio::BalloonConfig>());
  }

  [[nodiscard]] Result<void> validate(DeviceConfigs configs,
                                      const MemoryPlan& memory) const override {
    if (configs.empty()) {
      return success();
    }
    if (memory.backing == MemoryBacking::kSharedHuge) {
      return make_error(ErrorCode::kInvalid,
                        "--balloon: huge pages can't be returned to the host page by page: use "
                        "--memory-backing anonymous or shared");
    }
    const std::uint64_t size = configs.front()->as<virtio::BalloonConfig>().size;
    if (size > memory.size) {
      return make_error(ErrorCode::kInvalid,
                        "--balloon: size={} exceeds the guest's memory of {} bytes", size,
                        memory.size);
    }
    return success();
  }

  [[nodiscard]] Result<std::unique_ptr<virtio::Device>> make(DeviceRequest request) const override {
    BOTHY_TRY(auto balloon,
              virtio::Balloon::create(request.configs.front()->as<virtio::BalloonConfig>(),
                                      request.memory, request.executor));
    return std::unique_ptr<virtio::Device>(std::move(balloon));
  }

  void add_commands(std::span<virtio::Device* const> devices,
                    ControlCommands& commands) const override {
    auto* balloon = devices.empty() ? nullptr : static_cast<virtio::Balloon*>(devices.front());
    commands["balloon"] = {
        "balloon [SIZE]: set the balloon's size, and show what the guest has given up",
        [balloon](std::span<const std::string> arguments) {
          return run_command(balloon, arguments);
        }};
  }
};

constexpr BalloonKind kBalloonKind;

}  // namespace

Result<virtio::BalloonConfig> parse_balloon(std::string_view text) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--balloon", text, ""));
  virtio::BalloonConfig config;
  BOTHY_TRY(const auto size, values.take_size("size"));
  config.size = size.value_or(0);
  if (config.size % virtio::kBalloonPage != 0) {
    return values.complain(
        fmt::format("invalid value '{}' for size: expected a multiple of 4K", config.size));
  }
  BOTHY_TRY(config.deflate_on_oom, values.take_switch("deflate-on-oom"));
  BOTHY_TRY(config.free_page_reporting, values.take_switch("free-page-reporting"));
  BOTHY_TRY(const auto seconds, values.take_number("stats", 1, kMaxStatisticsInterval));
  config.stats_seconds = static_cast<std::uint32_t>(seconds.value_or(0));
  BOTHY_TRY(values.finish());
  return config;
}

boost::json::object describe(const virtio::BalloonConfig& config) {
  boost::json::object object{{"size", config.size},
                             {"deflate-on-oom", config.deflate_on_oom},
                             {"free-page-reporting", config.free_page_reporting}};
  if (config.stats_seconds > 0) {
    object["stats"] = config.stats_seconds;
  }
  return object;
}

boost::json::object describe(const virtio::BalloonStatus& status) {
  boost::json::object object{{"target", status.target},
                             {"actual", status.actual},
                             {"returned-by-balloon", status.inflated},
                             {"returned-as-free", status.reported}};
  if (status.statistics) {
    boost::json::object guest;
    for (std::size_t i = 0; i < status.statistics->values.size(); ++i) {
      if (const auto& value = status.statistics->values.at(i)) {
        guest[virtio::kBalloonStatisticNames.at(i)] = *value;
      }
    }
    object["guest"] = std::move(guest);
  }
  return object;
}

const DeviceKind& balloon_kind() noexcept {
  return kBalloonKind;
}

DeviceConfig device_config(const virtio::BalloonConfig& config) {
  return {kBalloonKind, config};
}

}  // namespace bothy
