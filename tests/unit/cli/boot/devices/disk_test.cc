#include "cli/boot/devices/disk.h"

#include <boost/json/serialize.hpp>

#include "tests/support/catch.h"

namespace bothy {

TEST_CASE("--disk says what a disk is like") {
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

TEST_CASE("A --disk that makes no sense is refused in words") {
  const auto refused = [](std::string_view text, std::string_view words) {
    const auto disk = parse_disk(text);
    REQUIRE(!disk.has_value());
    INFO(disk.error().context);
    CHECK(disk.error().context.find(words) != std::string::npos);
  };
  refused("id=a", "needs a file or a block device");
  refused("a,cache=writethrough", "cache=writethrough");
  refused("a,queues=0", "queues=0");
  refused("a,queues=17", "queues=17");
  refused("a,iops=0", "iops=0");
  refused("a,bps=0", "bps=0");
  refused("a,bps=much", "bps");
  refused("a,format=qcow2", "format=qcow2");
  refused("a,readonly", "readonly");
  refused("a,id=more than twenty characters", "id");
}

TEST_CASE("Disks without an id are numbered, and described as a machine file has them") {
  const auto disks = parse_disks({"a,id=root", "b,ro"});
  REQUIRE(disks.size() == 2);
  CHECK(disks[1].id == "disk1");
  CHECK(boost::json::serialize(describe(disks)) ==
        R"([{"path":"a","id":"root","ro":false,"direct":false,"cache":"writeback","queues":1},)"
        R"({"path":"b","id":"disk1","ro":true,"direct":false,"cache":"writeback","queues":1}])");
}

}  // namespace bothy
