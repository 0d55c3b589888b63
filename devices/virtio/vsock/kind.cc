#include "devices/virtio/vsock/kind.h"

#include "base/key_values.h"

namespace bothy {
namespace {

class VsockKind final : public DeviceKind {
 public:
  constexpr VsockKind() noexcept
      : DeviceKind(
            {"vsock", "PATH[,cid=N]",
             "Socket device: the guest's vsock ports as unix sockets at PATH and PATH_PORT"}) {}

  [[nodiscard]] Result<DeviceConfig> parse(std::string_view text, std::size_t) const override {
    BOTHY_TRY(auto config, parse_vsock(text));
    return device_config(std::move(config));
  }
  [[nodiscard]] boost::json::value to_json(const DeviceConfig& config) const override {
    return describe(config.as<virtio::VsockConfig>());
  }
  [[nodiscard]] Result<std::unique_ptr<virtio::Device>> make(DeviceRequest request) const override {
    BOTHY_TRY(auto vsock, virtio::Vsock::create(request.configs.front()->as<virtio::VsockConfig>(),
                                                request.executor));
    return std::unique_ptr<virtio::Device>(std::move(vsock));
  }
};

constexpr VsockKind kVsockKind;

}  // namespace

Result<virtio::VsockConfig> parse_vsock(std::string_view text) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--vsock", text, "path"));
  virtio::VsockConfig config;
  BOTHY_TRY(const auto path, values.take_value("path"));
  if (!path) {
    return values.complain("missing the path of a socket: expected PATH[,cid=N]");
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

const DeviceKind& vsock_kind() noexcept {
  return kVsockKind;
}

DeviceConfig device_config(virtio::VsockConfig config) {
  return {kVsockKind, std::move(config)};
}

}  // namespace bothy
