// A hostile driver of a small disk: invalid headers, segments and descriptor layouts, with a host
// whose operations sometimes fail. The first byte selects the ring layout and the disk; the rest is
// a sequence of requests and steps of the device.
#include <linux/virtio_blk.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <vector>

#include "devices/virtio/block/block_queue.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/block_driver.h"
#include "tests/support/link_recorder.h"
#include "tests/support/sync_engine.h"

namespace {

using namespace bothy;
using fuzz::check;
using fuzz::Input;
using test::DriverQueue;

constexpr std::uint64_t kDiskSize = 256U << 10U;
constexpr std::uint64_t kMemory = 2ULL << 20U;
constexpr std::uint16_t kQueueSize = 32;
constexpr std::array<std::uint32_t, 8> kTypes{VIRTIO_BLK_T_IN,
                                              VIRTIO_BLK_T_OUT,
                                              VIRTIO_BLK_T_FLUSH,
                                              VIRTIO_BLK_T_GET_ID,
                                              VIRTIO_BLK_T_DISCARD,
                                              VIRTIO_BLK_T_WRITE_ZEROES,
                                              99,
                                              VIRTIO_BLK_T_SECURE_ERASE};
constexpr std::array<std::int64_t, 6> kFailures{-EIO, -ENOSPC, -EINTR, -EOPNOTSUPP, 0, 1};

const UniqueFd& disk_memory() {
  static const UniqueFd fd(::memfd_create("disk", MFD_CLOEXEC));
  check(::ftruncate(fd.get(), kDiskSize) == 0);
  return fd;
}

DiskConfig make_config(std::uint8_t choice) {
  DiskConfig config;
  config.path = fmt::format("/proc/self/fd/{}", disk_memory().get());
  config.id = "fuzzed";
  config.raw = true;  // an earlier input may have written another format's header
  config.read_only = (choice & 1U) != 0;
  config.cache = (choice & 2U) != 0 ? DiskCache::kUnsafe : DiskCache::kWriteback;
  return config;
}

class Machine {
 public:
  explicit Machine(Input& input)
      : input_(input),
        choice_(input.byte()),
        driver_(
            memory_, 0, kQueueSize,
            {.indirect = true, .event_index = (choice_ & 4U) != 0, .packed = (choice_ & 8U) != 0}),
        queue_(driver_.queue()),
        disk_(DiskFile::open(make_config(choice_)).value(), make_config(choice_)),
        engine_([this](const IoOperation& operation) { return perform(operation); }),
        worker_(std::make_unique<virtio::BlockQueue>(disk_, *queue_, std::uint16_t{0}, kQueueSize,
                                                     engine_, link_)) {
    disk_.capacity = kDiskSize / DiskFile::kSector;
    disk_.write_through = (choice_ & 16U) != 0;
    fails_ = (choice_ & 32U) != 0;
  }

  void step() {
    const std::uint8_t operation = input_.byte();
    switch (operation & 7U) {
      case 0:
      case 1:
      case 2:
        return add_request(operation >> 3U);
      case 3:
        return add_anything(operation);
      case 4:
        return scribble();
      case 5:
        if (input_.byte() == 0x55) {
          driver_.break_ring();
        }
        return;
      default:
        check(worker_->step());
        return take();
    }
  }

  // In any case: all requests taken are completed, in bounded time, and the size of the disk is
  // unchanged.
  void end() {
    engine_.stop = true;
    fails_ = false;
    int turns = 0;
    while (worker_->step()) {
      check(++turns < 10000);
    }
    const bool broken = queue_->broken();
    check(broken == !link_.why_parked().empty());
    const virtio::QueueState state = queue_->state();
    check(broken || state.next_available == state.next_used);
    check(disk_.file.length().value() == kDiskSize);
    check(!disk_.config.read_only || !wrote_);
  }

 private:
  std::int64_t perform(const IoOperation& operation) {
    check(operation.offset <= kDiskSize && operation.length <= kDiskSize);
    std::uint64_t length = operation.length;
    const bool moves =
        operation.kind == IoOperation::Kind::kRead || operation.kind == IoOperation::Kind::kWrite;
    if (moves) {
      length = 0;
      for (const iovec& buffer : operation.buffers) {
        length += buffer.iov_len;
      }
      check(length > 0 && operation.buffers.size() <= 1024);
    }
    check(operation.kind == IoOperation::Kind::kFlush || length <= kDiskSize - operation.offset);
    wrote_ |=
        operation.kind != IoOperation::Kind::kRead && operation.kind != IoOperation::Kind::kFlush;
    const std::uint8_t failure = fails_ ? input_.byte() : std::uint8_t{0};
    if (failure >= 0xe0) {
      const std::int64_t result = kFailures.at(failure % kFailures.size());
      return moves ? result : std::min<std::int64_t>(result, 0);
    }
    return perform_io({disk_.file.fd(), false}, operation);
  }

  // A valid layout with any content.
  void add_request(std::uint8_t how) {
    const std::uint32_t type = kTypes.at(how % kTypes.size());
    const bool far = (how & 8U) != 0;
    const std::uint64_t sector = far ? input_.take<std::uint64_t>() : input_.byte();
    const std::uint32_t length =
        (how & 16U) != 0 ? input_.take<std::uint16_t>() : 512U * (input_.byte() % 16U);
    if (full(3)) {
      return;
    }
    const test::BlockDriver driver{driver_};
    const bool reads = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
    const auto request = driver.add(type, sector, length, reads);
    if (type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES) {
      for (std::uint64_t at = 0; at + sizeof(std::uint64_t) <= length && at < 64; at += 16) {
        static_cast<void>(memory_.write(
            request.data + at,
            virtio_blk_discard_write_zeroes{input_.take<std::uint16_t>(),
                                            input_.take<std::uint16_t>(), input_.byte() & 3U}));
      }
    }
  }

  // Any buffers, of which the first starts with a header.
  void add_anything(std::uint8_t how) {
    std::vector<DriverQueue::Buffer> buffers;
    const GuestAddress header =
        test::BlockDriver{driver_}.make_header(kTypes.at(how >> 5U), input_.byte());
    std::uint32_t used = 0;
    const std::size_t count = 1 + input_.byte() % 6U;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint8_t shape = input_.byte();
      DriverQueue::Buffer buffer;
      buffer.writable = (shape & 1U) != 0;
      buffer.length = (shape & 2U) != 0 ? input_.take<std::uint16_t>() : shape >> 3U;
      if ((shape & 4U) != 0) {
        buffer.address = header + used;
        used += buffer.length;
      } else if (shape == 0xff) {
        buffer.address = input_.take<std::uint64_t>();
      } else {
        buffer.address = kHeap;
      }
      buffers.push_back(buffer);
    }
    if (full(buffers.size())) {
      return;
    }
    if ((how & 16U) != 0) {
      driver_.add_indirect(buffers);
    } else {
      driver_.add(buffers);
    }
  }

  // The guest may change its memory at any moment.
  void scribble() {
    const std::uint32_t at = input_.take<std::uint32_t>() % kMemory;
    static_cast<void>(memory_.write(at, input_.byte()));
  }

  // The capacity of a ring, and of the memory for its buffers.
  [[nodiscard]] bool full(std::size_t slots) {
    slots_ += slots;
    return slots_ > kQueueSize || ++requests_ > 24;
  }
  void take() {
    while (driver_.take()) {
      slots_ -= std::min<std::size_t>(slots_, 1);
    }
  }

  static constexpr GuestAddress kHeap = 1ULL << 20U;

  Input& input_;
  const std::uint8_t choice_;
  GuestMemory memory_ = test::make_guest_memory(kMemory);
  DriverQueue driver_;
  std::unique_ptr<virtio::Queue> queue_;
  virtio::BlockDisk disk_;
  test::LinkRecorder link_;
  test::SyncEngine engine_;
  std::unique_ptr<virtio::BlockQueue> worker_;
  bool fails_ = false;
  bool wrote_ = false;
  std::size_t slots_ = 0;
  std::size_t requests_ = 0;
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming)
int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_log_level(LogLevel::kError);
  Input input({data, std::min<std::size_t>(size, 1024)});
  Machine machine(input);
  while (!input.ended()) {
    machine.step();
  }
  machine.end();
  return 0;
}
