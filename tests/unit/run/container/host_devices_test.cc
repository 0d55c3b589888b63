#include "run/container/host_devices.h"

#include "tests/support/catch.h"
#include "tests/support/temporary_directory.h"

namespace bothy::run {
namespace {

DeviceFlag flag_of(const std::string& host, const std::string& container) {
  DeviceFlag flag;
  flag.host = host;
  flag.container = container;
  return flag;
}

}  // namespace

TEST_CASE("A device is found with its numbers") {
  const auto devices = find_devices(flag_of("/dev/null", "/dev/nothing")).value();
  REQUIRE(devices.size() == 1);
  CHECK(devices[0].container == "/dev/nothing");
  CHECK(devices[0].type == 'c');
  CHECK(devices[0].major == 1);
  CHECK(devices[0].minor == 3);
}

TEST_CASE("What is no device is an error, and so is a directory without one") {
  const test::TemporaryDirectory directory;
  const std::string file = directory.write("file", "x");
  CHECK(find_devices(flag_of("/nothere", "/x")).error().code == ErrorCode::kNotFound);
  CHECK(find_devices(flag_of(file, "/x")).error().code == ErrorCode::kInvalid);
  CHECK(find_devices(flag_of(directory.path(), "/x")).error().code == ErrorCode::kInvalid);
}

}  // namespace bothy::run
