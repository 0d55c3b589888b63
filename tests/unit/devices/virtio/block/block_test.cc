#include "devices/virtio/block/block.h"

#include <cstring>

#include "tests/unit/devices/virtio/block/block_rig.h"

namespace bothy::virtio {

using test::BlockDriver;
using test::VirtioDriver;
using Buffer = VirtioDriver::Buffer;

TEST_CASE("A disk is written and read") {
  BlockRig rig(each_kind());
  rig.start();
  const std::string text(8192, 'x');
  CHECK(rig.done(rig.driver.write(16, text)) == kOk);
  CHECK(rig.file.read(8192, 8192) == text);
  rig.file.fill(512, 512, 'y');
  const auto read = rig.driver.read(1, 512);
  CHECK(rig.done(read) == kOk);
  CHECK(rig.driver.data(read) == std::string(512, 'y'));
  CHECK(rig.ring.take()->length == 1);    // the status of the write
  CHECK(rig.ring.take()->length == 513);  // data and status of the read
  CHECK(rig.done(rig.driver.add(VIRTIO_BLK_T_FLUSH, 0, 0, false)) == kOk);
  std::size_t signals = 0;
  CHECK(test::eventually([&] { return (signals += rig.link.take_signalled().size()) == 3; }));
}

TEST_CASE("Many requests are in flight at once") {
  BlockRig rig(each_kind());
  for (char i = 0; i < 20; ++i) {
    rig.file.fill(static_cast<std::uint64_t>(i) * 4096, 4096, static_cast<char>('a' + i));
  }
  std::vector<BlockDriver::Request> requests;
  for (std::uint64_t i = 0; i < 20; ++i) {
    requests.push_back(rig.driver.read(i * 8, 4096));
  }
  rig.start();  // without a notification
  rig.wait(20);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CHECK(rig.driver.status(requests[i]) == kOk);
    CHECK(rig.driver.data(requests[i]) == std::string(4096, static_cast<char>('a' + i)));
  }
  CHECK(rig.link.take_signalled().size() <= 20);
}

TEST_CASE("A request may have any descriptor layout") {
  BlockRig rig(each_kind());
  rig.start();
  const GuestAddress header = rig.driver.make_header(VIRTIO_BLK_T_OUT, 2);
  const GuestAddress status = rig.driver.make_status();
  const GuestAddress data = rig.ring.allocate(1024);
  const std::string text = std::string(500, 'a') + std::string(524, 'b');
  REQUIRE(rig.ring.memory().write_bytes(data, std::as_bytes(std::span(text))));
  SECTION("a header in three pieces, data in three") {
    rig.ring.add({{1, false, header},
                  {8, false, header + 1},
                  {7, false, header + 9},
                  {500, false, data},
                  {523, false, data + 500},
                  {1, false, data + 1023},
                  {1, true, status}});
  }
  SECTION("header and data in one buffer") {
    const GuestAddress whole = rig.ring.allocate(1040);
    REQUIRE(rig.ring.memory().write_bytes(whole, *rig.ring.memory().slice(header, 16)));
    REQUIRE(rig.ring.memory().write_bytes(whole + 16, *rig.ring.memory().slice(data, 1024)));
    rig.ring.add({{1040, false, whole}, {1, true, status}});
  }
  SECTION("an indirect table") {
    rig.ring.add_indirect(
        std::vector<Buffer>{{16, false, header}, {1024, false, data}, {1, true, status}});
  }
  rig.wait();
  CHECK(rig.ring.memory().read<std::uint8_t>(status) == kOk);
  CHECK(rig.file.read(1024, 1024) == text);

  rig.file.fill(0, 1024, 'z');
  const GuestAddress read = rig.driver.make_header(VIRTIO_BLK_T_IN, 0);
  const GuestAddress into = rig.ring.allocate(1025);
  REQUIRE(rig.ring.memory().write<std::uint8_t>(into + 1024, BlockDriver::kUntouched));
  rig.ring.add({{16, false, read}, {100, true, into}, {925, true, into + 100}});
  rig.wait();
  const auto bytes = *rig.ring.memory().slice(into, 1025);
  CHECK(std::string(reinterpret_cast<const char*>(bytes.data()), 1024) == std::string(1024, 'z'));
  CHECK(bytes[1024] == std::byte{kOk});
}

TEST_CASE("GET_ID returns the serial number") {
  BlockRig rig(each_kind());
  rig.start();
  const auto request = rig.driver.add(VIRTIO_BLK_T_GET_ID, 0, 20, true);
  CHECK(rig.done(request) == kOk);
  CHECK(rig.driver.data(request) == "a-disk" + std::string(14, '\0'));
}

TEST_CASE("Invalid requests end with an error, and later ones are served") {
  BlockRig rig(each_kind());
  rig.start();
  SECTION("beyond the end") {
    CHECK(rig.done(rig.driver.read(2048, 512)) == kIoError);
    CHECK(rig.done(rig.driver.read(2047, 1024)) == kIoError);
    CHECK(rig.done(rig.driver.read(~std::uint64_t{0}, 512)) == kIoError);
    CHECK(rig.done(rig.driver.write(1ULL << 55U, std::string(512, 'x'))) == kIoError);
    CHECK(rig.ring.take()->length == 0);  // not even the data before the status
  }
  SECTION("not in sectors") {
    CHECK(rig.done(rig.driver.read(0, 511)) == kIoError);
    CHECK(rig.done(rig.driver.write(0, std::string(513, 'x'))) == kIoError);
    CHECK(rig.file.read(0, 1) == std::string(1, '\0'));
  }
  SECTION("unknown") {
    CHECK(rig.done(rig.driver.add(99, 0, 512, false)) == kUnsupported);
    CHECK(rig.done(rig.driver.add(VIRTIO_BLK_T_SECURE_ERASE, 0, 16, false)) == kUnsupported);
  }
  SECTION("half a header") {
    const GuestAddress status = rig.driver.make_status();
    rig.ring.add({{15, false}, {1, true, status}});
    rig.wait();
    CHECK(rig.ring.memory().read<std::uint8_t>(status) == kIoError);
  }
  SECTION("no header") {
    const GuestAddress status = rig.driver.make_status();
    rig.ring.add({{1, true, status}});
    rig.wait();
    CHECK(rig.ring.memory().read<std::uint8_t>(status) == kIoError);
  }
  SECTION("no room for a status") {
    rig.ring.add({{16, false, rig.driver.make_header(VIRTIO_BLK_T_OUT, 0)}, {512, false}});
    rig.wait();
    CHECK(rig.ring.take()->length == 0);
  }
  CHECK(rig.done(rig.driver.read(0, 512)) == kOk);
  CHECK(rig.link.why_parked().empty());
}

TEST_CASE("Requests beyond the end of a truncated file fail") {
  BlockRig rig(each_kind());
  rig.start();
  rig.file.resize(6000);
  CHECK(rig.done(rig.driver.read(0, 4096)) == kOk);
  CHECK(rig.done(rig.driver.read(8, 4096)) == kIoError);  // half of it is there
  CHECK(rig.done(rig.driver.read(512, 4096)) == kIoError);
  CHECK(rig.ring.take()->length == 4097);
  CHECK(rig.ring.take()->length == 6000 - 4096);
}

TEST_CASE("A broken ring makes the device need a reset, after which it works") {
  BlockRig rig(each_kind());
  rig.start();
  rig.ring.break_ring();
  rig.kick.signal();
  CHECK(test::eventually([&] { return !rig.link.why_parked().empty(); }));
  CHECK(rig.stop().size() == 1);
  test::VirtioDriver again;
  std::vector<ActiveQueue> queues(1);
  queues[0] = {again.queue(), &rig.kick, 0};
  rig.device->start(~std::uint64_t{0}, std::move(queues), rig.link);
  rig.running = true;
  const auto read = BlockDriver{again}.read(0, 512);
  rig.kick.signal();
  CHECK(test::eventually([&] { return again.used_index() == 1; }));
  CHECK(BlockDriver{again}.status(read) == kOk);
  rig.stop();  // before its second driver's memory goes
}

TEST_CASE("Stopping waits for requests in flight") {
  const BlockRigKind kind = each_kind();
  BlockRig rig(kind, 8 * kMiB);
  rig.start();
  std::vector<BlockDriver::Request> requests;
  for (std::uint64_t i = 0; i < 16; ++i) {
    requests.push_back(rig.driver.write(i * 128, std::string(65536, 'w')));
  }
  rig.kick.signal();
  const QueueState state = rig.stop().at(0);
  CHECK(state.next_available == state.next_used);
  CHECK(state.available_wrap == state.used_wrap);
  unsigned count = 0;
  while (const auto used = rig.ring.take()) {
    CHECK(used->length == 1);
    ++count;
  }
  CHECK(state.next_used == (kind.packed ? count * 3 : count));  // a packed ring counts slots
}

TEST_CASE("DISCARD frees blocks of the file") {
  BlockRig rig(each_kind());
  rig.file.fill(0, kMiB, 'd');
  REQUIRE(::fsync(rig.file.fd()) == 0);
  rig.start();
  const std::uint64_t before = rig.file.allocated();
  CHECK(rig.ranges(VIRTIO_BLK_T_DISCARD, {{0, 512, 0}, {1024, 512, 0}}) == kOk);
  CHECK(rig.file.allocated() <= before - kMiB / 2);
  CHECK(rig.file.read(0, 1) == std::string(1, '\0'));
  CHECK(rig.file.read(kMiB / 4, 1) == "d");
  CHECK(rig.file.read(kMiB / 2, 1) == std::string(1, '\0'));
}

TEST_CASE("WRITE_ZEROES zeroes ranges, and frees blocks with UNMAP only") {
  BlockRig rig(each_kind());
  rig.file.fill(0, kMiB, 'd');
  REQUIRE(::fsync(rig.file.fd()) == 0);
  rig.start();
  const std::uint64_t before = rig.file.allocated();
  CHECK(rig.ranges(VIRTIO_BLK_T_WRITE_ZEROES, {{1, 1000, 0}}) == kOk);
  CHECK(rig.file.read(511, 2) == std::string("d\0", 2));
  CHECK(rig.file.read(1000 * 512 + 511, 2) == std::string("\0d", 2));
  CHECK(rig.file.allocated() >= before);
  CHECK(rig.ranges(VIRTIO_BLK_T_WRITE_ZEROES, {{1024, 1024, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP}}) ==
        kOk);
  CHECK(rig.file.read(kMiB / 2, 1) == std::string(1, '\0'));
  CHECK(rig.file.allocated() < before);
}

TEST_CASE("Invalid segments of DISCARD and WRITE_ZEROES are refused") {
  BlockRig rig(each_kind());
  rig.start();
  const std::uint32_t type =
      GENERATE(std::uint32_t{VIRTIO_BLK_T_DISCARD}, std::uint32_t{VIRTIO_BLK_T_WRITE_ZEROES});
  CHECK(rig.ranges(type, {{2048, 1, 0}}) == kIoError);
  CHECK(rig.ranges(type, {{0, 2049, 0}}) == kIoError);
  CHECK(rig.ranges(type, {{~std::uint64_t{0}, 1, 0}}) == kIoError);
  CHECK(rig.ranges(type, {{0, BlockDisk::kMaxSegmentSectors + 1, 0}}) == kIoError);
  CHECK(rig.ranges(type, {{0, 1, 2}}) == kUnsupported);
  CHECK(rig.ranges(type, {}) == kIoError);
  const std::vector<virtio_blk_discard_write_zeroes> many(BlockDisk::kMaxSegments + 1, {0, 1, 0});
  CHECK(rig.ranges(type, many) == kIoError);
  CHECK(rig.done(rig.driver.add(type, 0, 17, false)) == kIoError);
  CHECK(rig.ranges(type, {{0, 0, 0}}) == kOk);
  CHECK(rig.ranges(VIRTIO_BLK_T_DISCARD, {{0, 1, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP}}) ==
        kUnsupported);
}

TEST_CASE("WRITE_ZEROES works on a file system that can't zero ranges") {
  BlockRig rig(each_kind(), kMiB, {}, "/dev/shm");
  rig.file.fill(0, kMiB, 'd');
  rig.start();
  CHECK(rig.ranges(VIRTIO_BLK_T_WRITE_ZEROES, {{1, 2047, 0}}) == kOk);
  CHECK(rig.file.read(0, kMiB) == std::string(512, 'd') + std::string(kMiB - 512, '\0'));
}

TEST_CASE("A read-only disk is not written") {
  BlockRig rig(each_kind(), kMiB, [](DiskConfig& config) { config.read_only = true; });
  CHECK((rig.device->features() & feature(VIRTIO_BLK_F_RO)) != 0);
  CHECK((rig.device->features() & feature(VIRTIO_BLK_F_DISCARD)) == 0);
  rig.start();
  CHECK(rig.done(rig.driver.write(0, std::string(512, 'x'))) == kIoError);
  CHECK(rig.ranges(VIRTIO_BLK_T_DISCARD, {{0, 1, 0}}) == kUnsupported);
  CHECK(rig.ranges(VIRTIO_BLK_T_WRITE_ZEROES, {{0, 1, 0}}) == kUnsupported);
  CHECK(rig.done(rig.driver.read(0, 512)) == kOk);
  CHECK(rig.file.read(0, 1) == std::string(1, '\0'));
}

TEST_CASE("The config space has the capacity and the limits") {
  BlockRig rig({}, kMiB + 100, [](DiskConfig& config) { config.queues = 3; });
  CHECK(rig.config<std::uint64_t>(0) == 2048);
  CHECK(rig.config<std::uint32_t>(offsetof(virtio_blk_config, seg_max)) == 254);
  CHECK(rig.config<std::uint32_t>(offsetof(virtio_blk_config, blk_size)) == 512);
  CHECK(rig.config<std::uint8_t>(offsetof(virtio_blk_config, physical_block_exp)) == 3);
  CHECK(rig.config<std::uint8_t>(offsetof(virtio_blk_config, wce)) == 1);
  CHECK(rig.config<std::uint16_t>(offsetof(virtio_blk_config, num_queues)) == 3);
  CHECK(rig.config<std::uint64_t>(sizeof(virtio_blk_config) - 4) == 0);
  CHECK(rig.config<std::uint64_t>(~std::uint64_t{0}) == 0);
  CHECK(rig.device->queue_sizes().size() == 3);
  CHECK((rig.device->features() & feature(VIRTIO_BLK_F_MQ)) != 0);
}

TEST_CASE("A disk is resized while the device runs") {
  BlockRig rig(each_kind());
  rig.start();
  rig.file.resize(2 * kMiB);
  CHECK(rig.done(rig.driver.read(2048, 512)) == kIoError);
  CHECK(rig.device->resize().value() == 2 * kMiB);
  CHECK(rig.link.config_changes() == 1);
  CHECK(rig.done(rig.driver.read(2048, 512)) == kOk);
  // The two halves of the capacity are consistent.
  CHECK(rig.config<std::uint32_t>(0) == 4096);
  rig.file.resize(3ULL << 40U);
  CHECK(rig.device->resize().value() == 3ULL << 40U);
  CHECK(rig.config<std::uint32_t>(4) == 0);
  CHECK(rig.config<std::uint64_t>(0) == 3ULL << 31U);
  CHECK(rig.config<std::uint32_t>(4) == 1);
  rig.file.resize(kMiB);
  CHECK(rig.device->resize().value() == kMiB);
  CHECK(rig.device->resize().value() == kMiB);
  CHECK(rig.link.config_changes() == 3);
  CHECK(rig.done(rig.driver.read(2048, 512)) == kIoError);
}

TEST_CASE("Writes are durable without FLUSH, and with the write cache turned off") {
  BlockRig rig(each_kind());
  const std::byte off{0};
  SECTION("without FLUSH") {
    rig.start(0);
  }
  SECTION("write-through") {
    rig.start();
    rig.device->write_config(offsetof(virtio_blk_config, wce), std::span(&off, 1));
    CHECK(rig.config<std::uint8_t>(offsetof(virtio_blk_config, wce)) == 0);
  }
  CHECK(rig.done(rig.driver.write(0, std::string(512, 'x'))) == kOk);
  CHECK(rig.ranges(VIRTIO_BLK_T_WRITE_ZEROES, {{0, 1, 0}}) == kOk);
  CHECK(rig.file.read(0, 1) == std::string(1, '\0'));
  rig.stop();
  CHECK(rig.config<std::uint8_t>(offsetof(virtio_blk_config, wce)) == 1);
}

TEST_CASE("cache=unsafe offers no FLUSH, and accepts flushes") {
  BlockRig rig(each_kind(), kMiB, [](DiskConfig& config) { config.cache = DiskCache::kUnsafe; });
  CHECK((rig.device->features() & feature(VIRTIO_BLK_F_FLUSH)) == 0);
  rig.start(rig.device->features());
  CHECK(rig.done(rig.driver.write(0, std::string(512, 'x'))) == kOk);
  CHECK(rig.done(rig.driver.add(VIRTIO_BLK_T_FLUSH, 0, 0, false)) == kOk);
}

TEST_CASE("A rate limit delays requests") {
  BlockRig rig(each_kind(), kMiB, [](DiskConfig& config) { config.limit.operations = 200; });
  rig.start();
  const auto began = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < 30; ++i) {
    static_cast<void>(rig.driver.read(0, 512));
    if (i % 15 == 14) {
      rig.wait(15);
      while (rig.ring.take()) {
      }
    }
  }
  // A burst of 20, then one every 5 ms.
  CHECK(std::chrono::steady_clock::now() - began >= std::chrono::milliseconds(45));
}

TEST_CASE("A request that the rate limit delays is completed when the device stops") {
  BlockRig rig(each_kind(), kMiB, [](DiskConfig& config) { config.limit.bytes = 1; });
  rig.start();
  const auto first = rig.driver.read(0, 512);
  const auto second = rig.driver.read(0, 512);  // delayed by nearly nine minutes
  rig.wait(1);
  CHECK(rig.driver.status(first) == kOk);
  const QueueState state = rig.stop().at(0);
  CHECK(state.next_available == state.next_used);
  CHECK(rig.driver.status(second) == kOk);
}

TEST_CASE("All queues of a device are served") {
  BlockRig rig(each_kind(), kMiB, [](DiskConfig& config) { config.queues = 2; });
  GuestMemory memory = test::make_guest_memory(2 * test::DriverQueue::kSpan);
  test::DriverQueue first(memory, 0);
  test::DriverQueue second(memory, test::DriverQueue::kSpan);
  const EventFd other = EventFd::create().value();
  std::vector<ActiveQueue> queues(2);
  queues[0] = {first.queue(), &rig.kick, 0};
  queues[1] = {second.queue(), &other, 1};
  rig.device->start(~std::uint64_t{0}, std::move(queues), rig.link);
  const auto write = BlockDriver{second}.write(3, std::string(512, 'q'));
  other.signal();
  CHECK(test::eventually([&] { return second.used_index() == 1; }));
  CHECK(BlockDriver{second}.status(write) == kOk);
  const auto read = BlockDriver{first}.read(3, 512);
  rig.kick.signal();
  CHECK(test::eventually([&] { return first.used_index() == 1; }));
  CHECK(BlockDriver{first}.data(read) == std::string(512, 'q'));
  CHECK(rig.device->stop().size() == 2);
}

}  // namespace bothy::virtio
