// config.json and process.json of any bytes: an error of one line, or what a launcher may rely on.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "container/spec.h"
#include "tests/fuzz/fuzz.h"

namespace {

namespace container = bothy::container;
using bothy::fuzz::check;

constexpr std::size_t kMaxMappings = 340;

void check_error(const bothy::Error& error, std::string_view document) {
  check(error.code == bothy::ErrorCode::kBadInput);
  check(error.context.starts_with(document));
  check(error.context.find('\n') == std::string::npos);
}

void check_text(const std::string& text) {
  check(text.find('\0') == std::string::npos);
}

void check_path(const std::string& path) {
  check_text(path);
  check(path.starts_with('/'));
}

void check_mappings(const container::IdMappings& mappings) {
  check(mappings.users.empty() == mappings.groups.empty());
  for (const auto* ranges : {&mappings.users, &mappings.groups}) {
    check(ranges->size() <= kMaxMappings);
    check(std::ranges::all_of(*ranges, [](const container::IdMapping& range) {
      return range.size > 0 && range.host + range.size > range.host &&
             range.container + range.size > range.container;
    }));
  }
}

void check_process(const container::Process& process) {
  check(!process.arguments.empty());
  std::ranges::for_each(process.arguments, check_text);
  std::ranges::for_each(process.environment, check_text);
  check_path(process.directory);
  for (const container::Rlimit& limit : process.rlimits) {
    check(limit.soft <= limit.hard);
  }
}

void check_spec(const container::OciSpec& spec) {
  check(spec.version.starts_with("1."));
  check(!spec.root.path.empty());
  check_text(spec.root.path);
  if (spec.process) {
    check_process(*spec.process);
  }
  for (const container::Mount& mount : spec.mounts) {
    check_path(mount.destination);
    check_mappings(mount.mappings);
  }
  check(spec.namespaces.size() <= container::kNamespaceKinds);
  check_mappings(spec.mappings);
  for (const container::Device& device : spec.devices) {
    check_path(device.path);
    check(device.mode <= 07777);
  }
  for (const auto& [name, value] : spec.resources.unified) {
    check_text(name);
    check(name.find('/') == std::string::npos);
  }
  std::ranges::for_each(spec.masked_paths, check_path);
  std::ranges::for_each(spec.read_only_paths, check_path);
  for (const auto& [name, value] : spec.sysctls) {
    check_text(value);
    check(name.find("..") == std::string::npos);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto spec = container::parse_spec(text)) {
    check_spec(spec.value());
  } else {
    check_error(spec.error(), "config.json");
  }
  if (const auto process = container::parse_process(text)) {
    check_process(process.value());
  } else {
    check_error(process.error(), "process.json");
  }
  return 0;
}
