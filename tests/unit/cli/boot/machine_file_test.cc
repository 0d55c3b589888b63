#include "cli/boot/machine_file.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy {
namespace {

Result<void> apply(const char* json, BootOptions& options) {
  return apply_members(boost::json::parse(json).as_object(), options);
}

}  // namespace

TEST_CASE("A machine file has the options of a run beside the machine's own") {
  BootOptions options;
  REQUIRE(apply(R"({"kernel":"k","timeout":"5s","on-reboot":"restart","control":"/c",
                    "json":true,"boot-timer":false,"dry-run":true})",
                options));
  CHECK(options.machine.kernel == "k");
  CHECK(options.timeout == std::chrono::seconds(5));
  CHECK(options.restart_on_reboot);
  CHECK(options.control == "/c");
  CHECK(options.json);
  CHECK_FALSE(options.boot_timer);
  CHECK(options.dry_run);
}

TEST_CASE("What --dry-run prints gives the same options again") {
  BootOptions options;
  REQUIRE(apply(R"({"kernel":"k","timeout":0.5,"disk":["a"]})", options).has_error());
  REQUIRE(apply(R"({"kernel":"k","timeout":2,"on-reboot":"restart","control":"/c"})", options));
  const auto printed = to_json(options);
  BootOptions again;
  REQUIRE(apply_members(printed, again));
  CHECK(to_json(again) == printed);
}

TEST_CASE("Invalid members of a machine file are refused with their names") {
  const auto [text, name] = GENERATE(table<const char*, const char*>({
      {R"({"on-reboot":"halt"})", "--on-reboot"},
      {R"({"timeout":"soon"})", "--timeout"},
      {R"({"control":true})", "'control'"},
      {R"({"json":"yes"})", "'json'"},
      {R"({"config":"x"})", "'config'"},
      {R"({"cpus":1.5})", "'cpus'"},
  }));
  BootOptions options;
  const auto applied = apply(text, options);
  CAPTURE(text);
  REQUIRE(applied.has_error());
  CHECK(applied.error().code == ErrorCode::kInvalid);
  CHECK(applied.error().context.find(name) != std::string::npos);
}

TEST_CASE("A machine file that can't be read is an error that names it") {
  BootOptions options;
  const auto missing = apply_machine_file("/nothere", options);
  REQUIRE(missing.has_error());
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().context.find("/nothere") != std::string::npos);
  CHECK(apply_machine_file("/dev/zero", options).error().context.find("larger") !=
        std::string::npos);
  const test::TemporaryDirectory directory;
  for (const char* text : {"", "{", "[]", "text"}) {
    const std::string file = directory.write("machine.json", text);
    const auto applied = apply_machine_file(file, options);
    CAPTURE(text);
    REQUIRE(applied.has_error());
    CHECK(applied.error().context.find(file) != std::string::npos);
    CHECK(applied.error().context.find("JSON") != std::string::npos);
  }
}

}  // namespace bothy
