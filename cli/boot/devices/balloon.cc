#include "cli/boot/devices/balloon.h"

#include "cli/boot/key_values.h"
#include "devices/virtio/balloon/pages.h"

namespace bothy {
namespace {

constexpr std::uint64_t kLongestInterval = 24 * 60 * 60;

}  // namespace

Result<virtio::BalloonConfig> parse_balloon(std::string_view text) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--balloon", text, ""));
  virtio::BalloonConfig config;
  BOTHY_TRY(const auto size, values.take_size("size"));
  config.size = size.value_or(0);
  if (config.size % virtio::kBalloonPage != 0) {
    return values.complain(fmt::format("size={} is no multiple of 4K", config.size));
  }
  BOTHY_TRY(config.deflate_on_oom, values.take_switch("deflate-on-oom"));
  BOTHY_TRY(config.free_page_reporting, values.take_switch("free-page-reporting"));
  BOTHY_TRY(const auto seconds, values.take_number("stats", 1, kLongestInterval));
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

}  // namespace bothy
