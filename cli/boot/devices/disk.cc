#include "cli/boot/devices/disk.h"

#include <boost/json/object.hpp>
#include <limits>

#include "cli/boot/key_values.h"

namespace bothy {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

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

}  // namespace

Result<DiskConfig> parse_disk(std::string_view text) {
  BOTHY_TRY(KeyValues values, KeyValues::parse("--disk", text, "path"));
  DiskConfig disk;
  BOTHY_TRY(auto path, values.take_value("path"));
  if (!path) {
    return values.complain("it needs a file or a block device: --disk PATH[,ro][,id=NAME]...");
  }
  disk.path = std::move(*path);
  BOTHY_TRY(auto id, values.take_value("id"));
  disk.id = std::move(id).value_or("");
  BOTHY_TRY(disk.read_only, values.take_switch("ro"));
  BOTHY_TRY(disk.direct, values.take_switch("direct"));
  BOTHY_TRY(const auto cache, values.take_choice("cache", {"writeback", "unsafe"}));
  disk.cache = cache == "unsafe" ? DiskCache::kUnsafe : DiskCache::kWriteback;
  BOTHY_TRY(const auto format, values.take_choice("format", {"raw"}));
  disk.raw = format.has_value();
  BOTHY_TRY(const auto operations, values.take_number("iops", 1, kMost));
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

std::vector<DiskConfig> parse_disks(const std::vector<std::string>& texts) {
  std::vector<DiskConfig> disks;
  for (const std::string& text : texts) {
    DiskConfig& disk = disks.emplace_back(parse_disk(text).value());
    if (disk.id.empty()) {
      disk.id = fmt::format("disk{}", disks.size() - 1);
    }
  }
  return disks;
}

boost::json::array describe(const std::vector<DiskConfig>& disks) {
  boost::json::array array;
  for (const DiskConfig& disk : disks) {
    array.push_back(describe(disk));
  }
  return array;
}

}  // namespace bothy
