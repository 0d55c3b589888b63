// update: limits by flags, or as JSON.
#include <fcntl.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <memory>
#include <optional>

#include "base/files.h"
#include "base/units.h"
#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/oci/update_flags.h"
#include "cli/oci/verb.h"

namespace bothy {
namespace {

namespace json = boost::json;

// A flag and the member of linux.resources that it stands for.
struct Limit {
  enum class Kind : std::uint8_t { kNumber, kSize, kText, kUnsupported };
  const char* flag;
  const char* section;
  const char* member;
  Kind kind;
  const char* help;
};

constexpr std::array<Limit, 17> kLimits{{
    {"--memory", "memory", "limit", Limit::Kind::kSize, "Memory limit"},
    {"--memory-reservation", "memory", "reservation", Limit::Kind::kSize, "Memory reservation"},
    {"--memory-swap", "memory", "swap", Limit::Kind::kSize, "Limit of memory and swap"},
    {"--cpu-share", "cpu", "shares", Limit::Kind::kNumber, "CPU shares"},
    {"--cpu-quota", "cpu", "quota", Limit::Kind::kNumber, "CPU time in a period, microseconds"},
    {"--cpu-period", "cpu", "period", Limit::Kind::kNumber, "CPU period, microseconds"},
    {"--cpu-burst", "cpu", "burst", Limit::Kind::kNumber, "CPU burst, microseconds"},
    {"--cpu-idle", "cpu", "idle", Limit::Kind::kNumber, "CPU idle class, 0 or 1"},
    {"--cpuset-cpus", "cpu", "cpus", Limit::Kind::kText, "CPUs that may be used"},
    {"--cpuset-mems", "cpu", "mems", Limit::Kind::kText, "Memory nodes that may be used"},
    {"--pids-limit", "pids", "limit", Limit::Kind::kNumber, "Number of processes"},
    {"--blkio-weight", "blockIO", "weight", Limit::Kind::kNumber, "Block I/O weight, 10 to 1000"},
    {"--cpu-rt-period", "cpu", "realtimePeriod", Limit::Kind::kNumber, "Refused"},
    {"--cpu-rt-runtime", "cpu", "realtimeRuntime", Limit::Kind::kNumber, "Refused"},
    {"--kernel-memory", "memory", "kernel", Limit::Kind::kSize, "Refused"},
    {"--l3-cache-schema", "", "", Limit::Kind::kUnsupported, "Refused"},
    {"--mem-bw-schema", "", "", Limit::Kind::kUnsupported, "Refused"},
}};

Result<json::value> value_of(const Limit& limit, const std::string& text) {
  if (limit.kind == Limit::Kind::kText) {
    return json::value(text);
  }
  if (limit.kind == Limit::Kind::kUnsupported) {
    return make_error(ErrorCode::kUnsupported, "{}: not supported", limit.flag);
  }
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc() && parsed.ptr == text.data() + text.size()) {
    return json::value(number);
  }
  const auto size = limit.kind == Limit::Kind::kSize
                        ? parse_size(text)
                        : make_error(ErrorCode::kInvalid, "expected a number");
  if (!size) {
    return make_error(ErrorCode::kInvalid, "{} '{}': {}", limit.flag, printable(text),
                      size.error().context);
  }
  return json::value(size.value());
}

struct UpdateFlags {
  std::string id;
  std::string file;
  std::map<std::string, std::string> limits;
};

Result<std::string> resources_text(const UpdateFlags& flags) {
  if (flags.file.empty()) {
    return resources_of_flags(flags.limits);
  }
  if (flags.file == "-") {
    return read_to_end(STDIN_FILENO, "stdin");
  }
  BOTHY_TRY(const UniqueFd file, open_file(flags.file, O_RDONLY));
  return read_to_end(file.get(), flags.file);
}

}  // namespace

Result<std::string> resources_of_flags(const std::map<std::string, std::string>& given) {
  json::object resources;
  for (const Limit& limit : kLimits) {
    const auto found = given.find(limit.flag);
    if (found == given.end() || found->second.empty()) {
      continue;
    }
    BOTHY_TRY(json::value value, value_of(limit, found->second));
    json::value& section = resources[limit.section];
    if (!section.is_object()) {
      section.emplace_object();
    }
    section.get_object()[limit.member] = std::move(value);
  }
  return json::serialize(resources);
}

void add_update_verb(const OciApp& oci) {
  const auto flags = std::make_shared<UpdateFlags>();
  CLI::App& command =
      add_oci_verb(oci, "update", "Change the limits of a container",
                   [flags](const oci::Records& records) -> Result<int> {
                     BOTHY_TRY(const std::string text, resources_text(*flags));
                     BOTHY_TRY(const auto resources, container::parse_resources(text));
                     BOTHY_TRY(oci::update(records, flags->id, resources));
                     return exit_status::kSuccess;
                   });
  add_container_id(command, flags->id);
  add_value(command, "-r,--resources", flags->file, "FILE",
            "JSON as in linux.resources of config.json; - is stdin");
  for (const Limit& limit : kLimits) {
    add_value(command, limit.flag, flags->limits[limit.flag], "LIMIT", limit.help);
  }
}

}  // namespace bothy
