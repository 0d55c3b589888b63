#include "devices/virtio/fs/kind.h"

#include <set>
#include <utility>

#include "base/key_values.h"

namespace bothy {
namespace {

// A virtiofsd takes a while until it serves: the sooner it is started the better.
class ShareServer final : public PreparedDevice {
 public:
  explicit ShareServer(std::unique_ptr<Virtiofsd> started) : server(std::move(started)) {}

  std::unique_ptr<Virtiofsd> server;
};

class FsKind final : public DeviceKind {
 public:
  constexpr FsKind() noexcept
      : DeviceKind(
            {"fs", "TAG=DIR[,ro]",
             "Directory of the host, for `mount -t virtiofs TAG ...` (repeatable)", Use::kRepeated},
            {false, true}) {}

  [[nodiscard]] Result<DeviceConfig> parse(std::string_view text, std::size_t) const override {
    BOTHY_TRY(auto share, parse_share(text));
    return device_config(std::move(share));
  }
  [[nodiscard]] boost::json::value to_json(const DeviceConfig& config) const override {
    return describe(config.as<virtio::FsConfig>());
  }

  [[nodiscard]] Result<void> validate(DeviceConfigs configs,
                                      const MemoryPlan& memory) const override {
    std::set<std::string_view> tags;
    for (const DeviceConfig* config : configs) {
      const auto& share = config->as<virtio::FsConfig>();
      BOTHY_TRY(virtio::validate(share));
      if (!tags.insert(share.tag).second) {
        return make_error(ErrorCode::kInvalid, "--fs: two directories have the tag '{}'",
                          share.tag);
      }
    }
    if (!configs.empty() && memory.backing == MemoryBacking::kAnonymous) {
      return make_error(ErrorCode::kInvalid,
                        "--fs: virtiofsd can't map anonymous guest memory: use --memory-backing "
                        "shared or hugepages");
    }
    return success();
  }

  [[nodiscard]] Result<std::unique_ptr<PreparedDevice>> prepare(
      const DeviceConfig& config) const override {
    const auto& share = config.as<virtio::FsConfig>();
    BOTHY_TRY(auto server, Virtiofsd::start("--fs " + share.tag, share.directory));
    return std::unique_ptr<PreparedDevice>(std::make_unique<ShareServer>(std::move(server)));
  }

  [[nodiscard]] Result<std::unique_ptr<virtio::Device>> make(DeviceRequest request) const override {
    auto server = std::move(static_cast<ShareServer&>(*request.prepared).server);
    UniqueFd socket = server->take_socket();
    BOTHY_TRY(auto fs,
              virtio::Fs::create(request.configs.front()->as<virtio::FsConfig>(), std::move(socket),
                                 std::move(server), request.memory, request.executor));
    return std::unique_ptr<virtio::Device>(std::move(fs));
  }

  [[nodiscard]] Result<void> connect(virtio::Device& device) const override {
    return static_cast<virtio::Fs&>(device).connect();
  }
};

constexpr FsKind kFsKind;

Error missing_directory() {
  return make_error(ErrorCode::kInvalid,
                    "--fs: missing a tag and a directory: expected TAG=DIR[,ro]");
}

}  // namespace

Result<virtio::FsConfig> parse_share(std::string_view text) {
  virtio::FsConfig share;
  // A tag has the form of a key, so it is taken off first.
  const bool keys_alone = text.starts_with("tag=") && text.find("directory=") != text.npos;
  if (!keys_alone) {
    const std::size_t end = text.find('=');
    if (end == text.npos || end + 1 == text.size()) {
      return missing_directory();
    }
    share.tag = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  BOTHY_TRY(KeyValues values, KeyValues::parse("--fs", text, keys_alone ? "" : "directory"));
  if (keys_alone) {
    BOTHY_TRY(auto tag, values.take_value("tag"));
    share.tag = std::move(tag).value_or("");
  }
  BOTHY_TRY(auto directory, values.take_value("directory"));
  if (!directory) {
    return missing_directory();
  }
  share.directory.path = std::move(*directory);
  BOTHY_TRY(share.directory.read_only, values.take_switch("ro"));
  BOTHY_TRY(values.finish());
  BOTHY_TRY(virtio::validate(share));
  return share;
}

boost::json::object describe(const virtio::FsConfig& share) {
  return {
      {"tag", share.tag}, {"directory", share.directory.path}, {"ro", share.directory.read_only}};
}

const DeviceKind& fs_kind() noexcept {
  return kFsKind;
}

DeviceConfig device_config(virtio::FsConfig share) {
  return {kFsKind, std::move(share)};
}

}  // namespace bothy
