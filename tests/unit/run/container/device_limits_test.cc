#include "run/container/device_limits.h"

#include "tests/support/catch.h"

namespace bothy::run {
namespace {

Result<std::vector<DeviceLimit>> parse(const char* flag, std::vector<std::string> values) {
  RunOptions options;
  options.isolation_flags[flag] = std::move(values);
  return parse_device_limits(options);
}

}  // namespace

TEST_CASE("Limits of block devices have Docker's names and form") {
  const auto limits = parse("--device-write-bps", {"/dev/sda:10mb", "/dev/a:b:512"}).value();
  REQUIRE(limits.size() == 2);
  CHECK(limits[0].kind == DeviceLimit::Kind::kWriteBytes);
  CHECK(limits[0].path == "/dev/sda");
  CHECK(limits[0].value == 10U << 20U);
  CHECK(limits[1].path == "/dev/a:b");
  CHECK(limits[1].value == 512);
  CHECK(parse("--device-read-iops", {"/dev/sda:100"}).value()[0].value == 100);
  CHECK(parse("--device-read-bps", {}).value().empty());
}

TEST_CASE("A limit that isn't PATH:RATE is refused") {
  for (const char* text :
       {"", "/dev/sda", "/dev/sda:", "/dev/sda:0", "/dev/sda:x", "sda:1M", ":1M", "/dev/sda:-1"}) {
    INFO(text);
    const auto limits = parse("--device-read-bps", {text});
    REQUIRE(limits.has_error());
    CHECK(limits.error().code == ErrorCode::kInvalid);
    CHECK(limits.error().context.starts_with("--device-read-bps: invalid value"));
  }
  CHECK(parse("--device-write-iops", {"/dev/sda:1M"}).has_error());  // operations have no unit
}

TEST_CASE("A limit's device is a block device of the host") {
  const auto none = find_device_limits({{DeviceLimit::Kind::kReadBytes, "/dev/missing", 1}});
  CHECK(none.error().code == ErrorCode::kNotFound);
  const auto other = find_device_limits({{DeviceLimit::Kind::kReadBytes, "/dev/null", 1}});
  CHECK(other.error().code == ErrorCode::kInvalid);
  CHECK(find_device_limits({}).value().read_bytes.empty());
}

}  // namespace bothy::run
