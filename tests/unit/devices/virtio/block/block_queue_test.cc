#include "devices/virtio/block/block_queue.h"

#include <sys/uio.h>

#include <cerrno>
#include <utility>

#include "tests/support/block_driver.h"
#include "tests/support/catch.h"
#include "tests/support/link_recorder.h"
#include "tests/support/sync_engine.h"
#include "tests/support/temporary_file.h"

namespace bothy::virtio {
namespace {

using Kind = IoOperation::Kind;

// One queue of a disk of 1 MiB, whose operations the test performs.
struct Rig {
  test::TemporaryFile file{1U << 20U};
  test::VirtioDriver ring{
      64, {.indirect = false, .event_index = false, .packed = GENERATE(false, true)}};
  test::BlockDriver driver{ring};
  test::LinkRecorder link;
  std::vector<IoOperation> operations;  // as submitted; the buffers may no longer exist
  BlockDisk disk;
  test::SyncEngine engine;
  std::unique_ptr<Queue> queue = ring.queue();
  BlockQueue worker{disk, *queue, 0, 64, engine, link};

  explicit Rig(const std::function<std::int64_t(const IoOperation&, std::size_t)>& host,
               bool direct = false)
      : disk(DiskFile::open({.path = file.path()}).value(),
             {.path = file.path(), .direct = direct}),
        engine([this, host](const IoOperation& operation) {
          operations.push_back(operation);
          return host(operation, operations.size() - 1);
        }) {
    disk.capacity = 2048;
  }

  std::uint8_t run(const test::BlockDriver::Request& request) {
    for (int i = 0; i < 100 && driver.status(request) == test::BlockDriver::kUntouched; ++i) {
      static_cast<void>(worker.step());
    }
    return driver.status(request);
  }
  [[nodiscard]] std::vector<Kind> kinds() const {
    std::vector<Kind> kinds;
    for (const IoOperation& operation : operations) {
      kinds.push_back(operation.kind);
    }
    return kinds;
  }
};

// The result of an operation that succeeds as a whole.
std::int64_t length_of(const IoOperation& operation) {
  if (operation.kind != Kind::kRead && operation.kind != Kind::kWrite) {
    return 0;
  }
  std::size_t length = 0;
  for (const iovec& buffer : operation.buffers) {
    length += buffer.iov_len;
  }
  return static_cast<std::int64_t>(length);
}

std::string_view bytes_of(const std::vector<virtio_blk_discard_write_zeroes>& segments) {
  return {reinterpret_cast<const char*>(segments.data()), segments.size() * sizeof(segments[0])};
}

// An engine that completes nothing, and counts the operations submitted between waits.
struct StuckEngine final : IoEngine {
  std::vector<unsigned> batches;
  unsigned submitted = 0;

  void restart() noexcept override {}
  void submit(IoOperation&) noexcept override { ++submitted; }
  WakeReason wait(std::vector<IoOperation*>&, std::optional<Clock::time_point>) noexcept override {
    batches.push_back(std::exchange(submitted, 0));
    return {};
  }
};

}  // namespace

TEST_CASE(
    "The batch is 16 with the page cache, and follows the requests in flight with direct I/O") {
  const bool direct = GENERATE(false, true);
  const test::TemporaryFile file(1U << 20U);
  test::VirtioDriver ring(64, {.indirect = true});
  const test::BlockDriver driver{ring};
  test::LinkRecorder link;
  BlockDisk disk(DiskFile::open({.path = file.path()}).value(),
                 {.path = file.path(), .direct = direct});
  disk.capacity = 2048;
  StuckEngine engine;
  const auto queue = ring.queue();
  BlockQueue worker(disk, *queue, 0, 64, engine, link);
  for (unsigned i = 0; i < 20; ++i) {  // of three descriptors each
    static_cast<void>(driver.read(i, 512));
  }
  for (int i = 0; i < 4; ++i) {
    CHECK(worker.step());
  }
  CHECK(engine.batches ==
        (direct ? std::vector<unsigned>{0, 6, 6, 8} : std::vector<unsigned>{0, 16, 4, 0}));
}

TEST_CASE("Partial transfers are continued") {
  Rig rig([](const IoOperation& operation, std::size_t) {
    // At most 700 bytes at a time, whose values follow from their offsets.
    std::int64_t left = 700;
    std::uint64_t at = operation.offset;
    for (const iovec& buffer : operation.buffers) {
      for (std::size_t i = 0; i < buffer.iov_len && left > 0; ++i, --left) {
        static_cast<char*>(buffer.iov_base)[i] = static_cast<char>(at++ / 16);
      }
    }
    return 700 - left;
  });
  const GuestAddress header = rig.driver.make_header(VIRTIO_BLK_T_IN, 1);
  const GuestAddress data = rig.ring.allocate(4096);
  test::BlockDriver::Request request;
  request.data = data;
  request.length = 4096;
  request.status = rig.driver.make_status();
  rig.ring.add({{16, false, header},
                {100, true, data},
                {1000, true, data + 100},
                {2996, true, data + 1100},
                {1, true, request.status}});
  CHECK(rig.run(request) == 0);
  std::string wanted;
  for (unsigned i = 0; i < 4096; ++i) {
    wanted += static_cast<char>((512 + i) / 16);
  }
  CHECK(rig.driver.data(request) == wanted);
  CHECK(rig.operations.size() == 6);
  CHECK(rig.ring.take()->length == 4097);
}

TEST_CASE("An operation that ends with EINTR is submitted again") {
  Rig rig([](const IoOperation&, std::size_t count) { return count == 0 ? -EINTR : 512; });
  CHECK(rig.run(rig.driver.read(0, 512)) == 0);
  CHECK(rig.operations.size() == 2);
}

TEST_CASE("An operation that fails makes its request fail") {
  const int error = GENERATE(ENOSPC, EIO, ENODEV);
  Rig rig([error](const IoOperation&, std::size_t) { return -error; });
  const std::vector<virtio_blk_discard_write_zeroes> all{{0, 8, 0}};
  CHECK(rig.run(rig.driver.read(0, 512)) == 1);
  CHECK(rig.run(rig.driver.write(0, std::string(512, 'x'))) == 1);
  CHECK(rig.run(rig.driver.add(VIRTIO_BLK_T_FLUSH, 0, 0, false)) == 1);
  CHECK(rig.run(rig.driver.add(VIRTIO_BLK_T_DISCARD, 0, 16, false, bytes_of(all))) == 1);
  CHECK(rig.run(rig.driver.add(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false, bytes_of(all))) == 1);
  CHECK(rig.link.why_parked().empty());
}

TEST_CASE("After a failed flush all flushes fail, except with direct I/O") {
  const bool direct = GENERATE(false, true);
  Rig rig([](const IoOperation&, std::size_t count) { return count == 1 ? -EIO : 0; }, direct);
  const auto flush = [&] { return rig.run(rig.driver.add(VIRTIO_BLK_T_FLUSH, 0, 0, false)); };
  CHECK(flush() == 0);
  CHECK(flush() == 1);
  CHECK(flush() == (direct ? 0 : 1));
}

TEST_CASE("Without host support zeros are written, and discards are unsupported") {
  Rig rig([](const IoOperation& operation, std::size_t) {
    return operation.kind == Kind::kWrite ? std::min(length_of(operation), std::int64_t{600000})
                                          : -EOPNOTSUPP;
  });
  const std::vector<virtio_blk_discard_write_zeroes> all{
      {1, 2047, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP}};
  CHECK(rig.run(rig.driver.add(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false, bytes_of(all))) == 0);
  CHECK(rig.kinds() ==
        std::vector<Kind>{Kind::kZeroUnmap, Kind::kZero, Kind::kWrite, Kind::kWrite, Kind::kWrite});
  CHECK(rig.operations.back().offset +
            static_cast<std::uint64_t>(length_of(rig.operations.back())) ==
        1U << 20U);
  const std::vector<virtio_blk_discard_write_zeroes> first{{0, 8, 0}};
  CHECK(rig.run(rig.driver.add(VIRTIO_BLK_T_DISCARD, 0, 16, false, bytes_of(first))) == 2);
}

TEST_CASE("Write-through makes writes durable, and flushes after WRITE_ZEROES") {
  Rig rig([](const IoOperation& operation, std::size_t) { return length_of(operation); });
  rig.disk.write_through = true;
  const std::vector<virtio_blk_discard_write_zeroes> two{{0, 8, 0}, {16, 8, 0}};
  CHECK(rig.run(rig.driver.write(0, std::string(512, 'x'))) == 0);
  CHECK(rig.operations.front().durable);
  CHECK(rig.run(rig.driver.add(VIRTIO_BLK_T_WRITE_ZEROES, 0, 32, false, bytes_of(two))) == 0);
  CHECK(rig.kinds() == std::vector<Kind>{Kind::kWrite, Kind::kZero, Kind::kZero, Kind::kFlush});
}

TEST_CASE("Requests are served in batches, with one interrupt per batch") {
  Rig rig([](const IoOperation& operation, std::size_t) { return length_of(operation); });
  for (int i = 0; i < 21; ++i) {
    static_cast<void>(rig.driver.read(0, 512));
  }
  static_cast<void>(rig.worker.step());
  CHECK(rig.operations.size() == 16);
  CHECK(rig.ring.used_index() == 0);
  static_cast<void>(rig.worker.step());  // without a notification
  CHECK(rig.operations.size() == 21);
  CHECK(rig.ring.used_index() == 16);
  CHECK(rig.link.take_signalled().size() == 1);
  static_cast<void>(rig.worker.step());
  CHECK(rig.ring.used_index() == 21);
  CHECK(rig.link.take_signalled().size() == 1);
  rig.engine.stop = true;
  CHECK(!rig.worker.step());
}

TEST_CASE("Stopping waits for operations in flight, and submits no more") {
  // 512 bytes at a time; zeros only by writing them.
  Rig rig([](const IoOperation& operation, std::size_t) -> std::int64_t {
    const bool moves = operation.kind == Kind::kRead || operation.kind == Kind::kWrite;
    return moves ? 512 : -EOPNOTSUPP;
  });
  const std::vector<virtio_blk_discard_write_zeroes> all{{0, 2048, 0}};
  const auto zeroes = rig.driver.add(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false, bytes_of(all));
  const auto long_read = rig.driver.read(0, 4096);
  const auto short_read = rig.driver.read(0, 512);
  CHECK(rig.worker.step());
  CHECK(rig.operations.size() == 3);
  rig.engine.stop = true;
  CHECK(!rig.worker.step());
  CHECK(rig.operations.size() == 3);
  CHECK(rig.driver.status(zeroes) == 1);
  CHECK(rig.driver.status(long_read) == 1);
  CHECK(rig.driver.status(short_read) == 0);
}

TEST_CASE("Operations are limited in size") {
  Rig rig([](const IoOperation& operation, std::size_t) {
    return operation.kind == Kind::kRead ? length_of(operation) : 0;
  });
  rig.disk.capacity = 1U << 20U;
  const std::vector<virtio_blk_discard_write_zeroes> two{{0, 1U << 16U, 0}, {8, 8, 0}};
  CHECK(rig.run(rig.driver.add(VIRTIO_BLK_T_WRITE_ZEROES, 0, 32, false, bytes_of(two))) == 0);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const IoOperation& operation : rig.operations) {
    ranges.emplace_back(operation.offset, operation.length);
  }
  constexpr std::uint64_t kPiece = 16U << 20U;
  CHECK(ranges == std::vector<std::pair<std::uint64_t, std::uint64_t>>{
                      {0, kPiece}, {kPiece, kPiece}, {4096, 4096}});
  rig.operations.clear();
  // The same memory in 15 buffers of 512 KiB.
  const GuestAddress header = rig.driver.make_header(VIRTIO_BLK_T_IN, 0);
  const GuestAddress status = rig.driver.make_status();
  std::vector<test::DriverQueue::Buffer> buffers{{16, false, header}};
  buffers.insert(buffers.end(), 15, {512 * 1024, true, test::DriverQueue::kHeap});
  buffers.push_back({1, true, status});
  rig.ring.add(buffers);
  for (int i = 0; i < 4; ++i) {
    static_cast<void>(rig.worker.step());
  }
  std::vector<std::uint64_t> offsets;
  for (const IoOperation& operation : rig.operations) {
    offsets.push_back(operation.offset);
  }
  CHECK(offsets == std::vector<std::uint64_t>{0, 4U << 20U});
}

TEST_CASE("A request fails when its operation always ends with EAGAIN") {
  Rig rig([](const IoOperation&, std::size_t) { return -EAGAIN; });
  CHECK(rig.run(rig.driver.read(0, 512)) == 1);
}

TEST_CASE("WRITE_ZEROES counts against the rate limit") {
  const test::TemporaryFile file(1U << 20U);
  test::VirtioDriver ring(64, {});
  const test::BlockDriver driver{ring};
  test::LinkRecorder link;
  BlockDisk disk(DiskFile::open({.path = file.path()}).value(),
                 {.path = file.path(), .limit = {.bytes = 4096}});
  disk.capacity = 2048;
  std::size_t operations = 0;
  test::SyncEngine engine([&](const IoOperation&) { return ++operations, 0; });
  const auto queue = ring.queue();
  BlockQueue worker(disk, *queue, 0, 64, engine, link);
  const std::vector<virtio_blk_discard_write_zeroes> all{{0, 2048, 0}};
  static_cast<void>(driver.add(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false, bytes_of(all)));
  static_cast<void>(driver.add(VIRTIO_BLK_T_WRITE_ZEROES, 0, 16, false, bytes_of(all)));
  for (int i = 0; i < 4; ++i) {
    CHECK(worker.step());
  }
  CHECK(operations == 1);  // the second is delayed by some four minutes
}

}  // namespace bothy::virtio
