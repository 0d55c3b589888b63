#include "cli/boot/devices/vsock.h"

#include "cli/boot/key_values.h"

namespace bothy {

Result<virtio::VsockConfig> parse_vsock(std::string_view text) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--vsock", text, "path"));
  virtio::VsockConfig config;
  BOTHY_TRY(const auto path, values.take_value("path"));
  if (!path) {
    return values.complain("it needs the path of a socket: --vsock PATH[,cid=N]");
  }
  config.path = *path;
  BOTHY_TRY(const auto cid, values.take_number("cid", virtio::VsockConfig::kFirstCid,
                                               virtio::VsockConfig::kLastCid));
  config.cid = static_cast<std::uint32_t>(cid.value_or(config.cid));
  BOTHY_TRY(values.finish());
  return config;
}

boost::json::object describe(const virtio::VsockConfig& config) {
  return {{"path", config.path}, {"cid", config.cid}};
}

}  // namespace bothy
