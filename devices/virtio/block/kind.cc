#include "devices/virtio/block/kind.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/key_values.h"
#include "devices/virtio/block/block.h"

namespace bothy {
namespace {

Result<boost::json::value> resize(std::span<virtio::Device* const> disks,
                                  std::span<const std::string> arguments) {
  if (arguments.size() != 1) {
    return make_error(ErrorCode::kInvalid, "resize-disk: expected one argument: the disk's ID");
  }
  const std::string& id = arguments.front();
  const auto disk = std::ranges::find_if(disks, [&](const virtio::Device* device) {
    return static_cast<const virtio::Block*>(device)->config().id == id;
  });
  if (disk == disks.end()) {
    return make_error(ErrorCode::kNotFound, "resize-disk: no disk has the ID '{}'", id);
  }
  BOTHY_TRY(const std::uint64_t bytes, static_cast<virtio::Block*>(*disk)->resize());
  return boost::json::object{{"id", id}, {"bytes", bytes}};
}

class DiskKind final : public DeviceKind {
 public:
  constexpr DiskKind() noexcept
      : DeviceKind({"disk", "PATH[,KEY]...",
                    "Disk of a raw file or a block device (repeatable). Keys: ro, id=NAME, direct, "
                    "cache=writeback|unsafe, iops=N, bps=SIZE, queues=N, format=raw",
                    Use::kRepeated}) {}

  [[nodiscard]] Result<DeviceConfig> parse(std::string_view text,
                                           std::size_t index) const override {
    BOTHY_TRY(auto disk, parse_disk(text, index));
    return device_config(std::move(disk));
  }
  [[nodiscard]] boost::json::value to_json(const DeviceConfig& config) const override {
    return describe(config.as<DiskConfig>());
  }

  [[nodiscard]] Result<void> validate(DeviceConfigs configs, const MemoryPlan&) const override {
    std::set<std::string_view> ids;
    for (const DeviceConfig* config : configs) {
      const auto& disk = config->as<DiskConfig>();
      BOTHY_TRY(bothy::validate(disk));
      if (!ids.insert(disk.id).second) {
        return make_error(ErrorCode::kInvalid, "--disk: two disks have the same id '{}'", disk.id);
      }
    }
    return success();
  }

  [[nodiscard]] Result<std::unique_ptr<virtio::Device>> make(DeviceRequest request) const override {
    BOTHY_TRY(auto block, virtio::Block::create(request.configs.front()->as<DiskConfig>()));
    return std::unique_ptr<virtio::Device>(std::move(block));
  }

  void add_commands(std::span<virtio::Device* const> devices,
                    ControlCommands& commands) const override {
    const std::vector<virtio::Device*> disks(devices.begin(), devices.end());
    commands["resize-disk"] = {
        "resize-disk ID: read the length of the disk's file again, and notify the guest",
        [disks](std::span<const std::string> arguments) { return resize(disks, arguments); }};
  }
};

constexpr DiskKind kDiskKind;

}  // namespace

Result<DiskConfig> parse_disk(std::string_view text, std::size_t index) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  BOTHY_TRY(KeyValues values, KeyValues::parse("--disk", text, "path"));
  DiskConfig disk;
  BOTHY_TRY(auto path, values.take_value("path"));
  if (!path) {
    return values.complain("missing a file or a block device: expected PATH[,ro][,id=NAME]...");
  }
  disk.path = std::move(*path);
  BOTHY_TRY(auto id, values.take_value("id"));
  disk.id = id ? std::move(*id) : fmt::format("disk{}", index);
  BOTHY_TRY(disk.read_only, values.take_switch("ro"));
  BOTHY_TRY(disk.direct, values.take_switch("direct"));
  BOTHY_TRY(const auto cache, values.take_choice("cache", {"writeback", "unsafe"}));
  disk.cache = cache == "unsafe" ? DiskCache::kUnsafe : DiskCache::kWriteback;
  BOTHY_TRY(const auto format, values.take_choice("format", {"raw"}));
  disk.raw = format.has_value();
  BOTHY_TRY(const auto operations, values.take_number("iops", 1, kMax));
  disk.limit.operations = operations.value_or(0);
  BOTHY_TRY(const auto bytes, values.take_size("bps", 1));
  disk.limit.bytes = bytes.value_or(0);
  BOTHY_TRY(const auto queues, values.take_number("queues", 1, DiskConfig::kMaxQueues));
  disk.queues = static_cast<std::uint16_t>(queues.value_or(1));
  BOTHY_TRY(values.finish());
  if (const auto valid = validate(disk); !valid) {
    return values.complain(valid.error().context);
  }
  return disk;
}

boost::json::object describe(const DiskConfig& disk) {
  boost::json::object object{
      {"path", disk.path}, {"id", disk.id}, {"ro", disk.read_only}, {"direct", disk.direct}};
  object["cache"] = disk.cache == DiskCache::kUnsafe ? "unsafe" : "writeback";
  object["queues"] = disk.queues;
  if (disk.limit.operations != 0) {
    object["iops"] = disk.limit.operations;
  }
  if (disk.limit.bytes != 0) {
    object["bps"] = disk.limit.bytes;
  }
  if (disk.raw) {
    object["format"] = "raw";
  }
  return object;
}

const DeviceKind& disk_kind() noexcept {
  return kDiskKind;
}

DeviceConfig device_config(DiskConfig disk) {
  return {kDiskKind, std::move(disk)};
}

}  // namespace bothy
