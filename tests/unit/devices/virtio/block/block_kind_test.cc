#include "devices/virtio/block/kind.h"

#include <array>
#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("--disk sets every option of a disk") {
  const auto disk = parse_disk(
      "/dev/vg/root,ro,id=root,direct,cache=unsafe,iops=1000,bps=10M,queues=4,format=raw");
  REQUIRE(disk.has_value());
  CHECK(disk.value().path == "/dev/vg/root");
  CHECK(disk.value().id == "root");
  CHECK(disk.value().read_only);
  CHECK(disk.value().direct);
  CHECK(disk.value().raw);
  CHECK(disk.value().cache == DiskCache::kUnsafe);
  CHECK(disk.value().limit == RateLimit{1000, 10U << 20U});
  CHECK(disk.value().queues == 4);
}

TEST_CASE("Invalid values of --disk are refused with the reason") {
  const auto refused = [](std::string_view text, std::string_view words) {
    const auto disk = parse_disk(text);
    REQUIRE(!disk.has_value());
    INFO(disk.error().context);
    CHECK(disk.error().context.find(words) != std::string::npos);
  };
  refused("id=a", "missing a file or a block device");
  refused("a,cache=writethrough", "'writethrough' for cache");
  refused("a,queues=0", "'0' for queues");
  refused("a,queues=17", "'17' for queues");
  refused("a,iops=0", "'0' for iops");
  refused("a,bps=0", "'0' for bps");
  refused("a,bps=much", "bps");
  refused("a,format=qcow2", "'qcow2' for format");
  refused("a,readonly", "readonly");
  refused("a,id=more than twenty characters", "id");
}

TEST_CASE("Disks without an id are numbered, and described as a machine file has them") {
  CHECK(boost::json::serialize(describe(parse_disk("b,ro", 1).value())) ==
        R"({"path":"b","id":"disk1","ro":true,"direct":false,"cache":"writeback","queues":1})");
}

TEST_CASE("Two disks of one id are refused") {
  const DeviceConfig one = disk_kind().parse("a,id=x", 0).value();
  const DeviceConfig other = disk_kind().parse("b,id=y", 1).value();
  const DeviceConfig same = disk_kind().parse("c,id=x", 2).value();
  CHECK(disk_kind().validate(std::array{&one, &other}, {}).has_value());
  const auto valid = disk_kind().validate(std::array{&one, &other, &same}, {});
  REQUIRE(valid.has_error());
  CHECK(valid.error().context.find("the same id 'x'") != std::string::npos);
}

TEST_CASE("`resize-disk` needs the id of a disk") {
  ControlCommands commands;
  disk_kind().add_commands({}, commands);
  const auto& run = commands.at("resize-disk").run;
  CHECK(run({}).error().code == ErrorCode::kInvalid);
  CHECK(run(std::array<std::string, 1>{"x"}).error().code == ErrorCode::kNotFound);
}

}  // namespace bothy
