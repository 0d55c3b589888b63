#include <algorithm>

#include "container/spec_parse.h"

namespace bothy::container {
namespace {

constexpr std::size_t kMaxMappings = 340;   // user_namespaces(7)
constexpr std::uint32_t kIds = 0xffffffff;  // the last number isn't an id

Result<void> read_mapping(const SpecValue& value, IdMapping& mapping) {
  BOTHY_TRY(value.require("containerID"));
  BOTHY_TRY(value.read_number("containerID", mapping.container));
  BOTHY_TRY(value.require("hostID"));
  BOTHY_TRY(value.read_number("hostID", mapping.host));
  BOTHY_TRY(value.require("size"));
  BOTHY_TRY(value.read_number("size", mapping.size, 1U));
  if (mapping.size > kIds - std::max(mapping.container, mapping.host)) {
    return value.wrong("size", fmt::format("the range ends after the last id, {}", kIds - 1));
  }
  return success();
}

bool overlap(std::vector<IdMapping> mappings, std::uint32_t IdMapping::*first) {
  std::ranges::sort(mappings, {}, first);
  return std::ranges::adjacent_find(mappings, [first](const IdMapping& a, const IdMapping& b) {
           return b.*first - a.*first < a.size;
         }) != mappings.end();
}

// user_namespaces(7): what the kernel refuses.
Result<void> read_ranges(const SpecValue& value, std::string_view key,
                         std::vector<IdMapping>& mappings) {
  BOTHY_TRY(value.read_each(key, mappings, read_mapping));
  if (mappings.size() > kMaxMappings) {
    return value.wrong(key, fmt::format("more than {} ranges", kMaxMappings));
  }
  if (overlap(mappings, &IdMapping::container) || overlap(mappings, &IdMapping::host)) {
    return value.wrong(key, "ranges overlap");
  }
  return success();
}

}  // namespace

Result<void> read_mappings(const SpecValue& value, IdMappings& mappings) {
  BOTHY_TRY(read_ranges(value, "uidMappings", mappings.users));
  BOTHY_TRY(read_ranges(value, "gidMappings", mappings.groups));
  if (mappings.users.empty() != mappings.groups.empty()) {
    return value.wrong(mappings.users.empty() ? "uidMappings" : "gidMappings",
                       "expected with the other kind of ids");
  }
  return success();
}

// config.md, Mounts.
Result<void> read_mount(const SpecValue& value, Mount& mount) {
  BOTHY_TRY(value.require("destination"));
  BOTHY_TRY(value.read("destination", mount.destination));
  if (mount.destination.empty()) {
    return value.wrong("destination", "expected a path");
  }
  if (!mount.destination.starts_with('/')) {
    mount.destination.insert(0, 1, '/');  // deprecated: relative to the root
  }
  BOTHY_TRY(value.read("type", mount.type));
  BOTHY_TRY(value.read("source", mount.source));

  std::vector<std::string> options;
  BOTHY_TRY(value.read("options", options));
  if (mount.type == "bind") {
    // Callers leave the option out; with "rbind" it changes nothing.
    options.emplace_back("bind");
  }
  auto parsed = parse_mount_options(options);
  if (!parsed) {
    return value.wrong("options", parsed.error().context);
  }
  mount.options = std::move(parsed).value();

  BOTHY_TRY(read_mappings(value, mount.mappings));
  if (!mount.mappings.empty() && !mount.options.recursive_idmap) {
    mount.options.idmap = true;  // as the mappings imply
  }
  if (mount.options.is_bind() && mount.source.empty() && !mount.options.remount) {
    return value.wrong("source", "missing for a bind mount");
  }
  if (!mount.options.is_bind() && mount.type.empty() && !mount.options.remount) {
    return value.wrong("type", "missing for a mount that isn't a bind mount");
  }
  return success();
}

}  // namespace bothy::container
