// A guest that reads and writes a virtio device's window in any width, at any offset, with any
// value, rings doorbells and changes its rings, while the device serves three queues on a thread of
// its own and speaks to its driver, and resets come at any time. The first byte of each step is an
// operation; one of them sets the device up as a driver would, so that something runs.
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "devices/bus.h"
#include "devices/virtio/queue/queue_worker.h"
#include "devices/virtio/transport/mmio.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using fuzz::check;
using fuzz::Input;
using test::DriverQueue;

constexpr std::uint64_t kBase = 0xd0000000;
constexpr std::size_t kMaxWidth = 8;
constexpr std::uint64_t kOwnFeature = 1;
constexpr std::uint64_t kFeatures = kOwnFeature | 1ULL << kFeatureIndirect |
                                    1ULL << kFeatureEventIndex | 1ULL << kFeatureVersion1 |
                                    1ULL << kFeatureRingPacked;
constexpr std::array<std::uint16_t, 3> kQueueSizes{16, 1, 32};
constexpr std::array kParts{DriverQueue::kDescriptors, DriverQueue::kAvailable, DriverQueue::kUsed};
constexpr std::uint64_t kPartSize = 600;  // more than any of them

// Answers each request with as many bytes as it brought.
class Echo final : public Device {
 public:
  explicit Echo(boost::asio::io_context& executor) : executor_(executor) {}
  ~Echo() override { check(workers_.empty()); }

  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kConsole; }
  [[nodiscard]] std::uint64_t features() const noexcept override { return kOwnFeature; }
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override {
    return kQueueSizes;
  }
  void read_config(std::uint64_t offset, std::span<std::byte> data) noexcept override {
    check(offset + data.size() <= MmioTransport::kSize - VIRTIO_MMIO_CONFIG);
  }
  void write_config(std::uint64_t offset, std::span<const std::byte> data) noexcept override {
    check(offset + data.size() <= MmioTransport::kSize - VIRTIO_MMIO_CONFIG);
  }

  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override {
    check(workers_.empty() && queues.size() == kQueueSizes.size());
    check((features & ~kFeatures) == 0 && (features & 1ULL << kFeatureVersion1) != 0);
    link_ = &link;
    for (ActiveQueue& queue : queues) {
      workers_.push_back(
          std::make_unique<QueueWorker>(executor_, std::move(queue), link, [](Chain chain) {
            const std::uint64_t length =
                std::min(chain.reader().remaining(), chain.writer().remaining());
            chain.complete(static_cast<std::uint32_t>(length));
          }));
    }
  }
  std::vector<QueueState> stop() noexcept override {
    check(!workers_.empty());
    std::vector<QueueState> states;
    for (const auto& worker : workers_) {
      states.push_back(worker->stop());
    }
    workers_.clear();
    link_ = nullptr;
    return states;
  }

  // On its executor: what a device says by itself.
  void speak(std::uint8_t what) {
    if (link_ == nullptr) {
      return;
    }
    if (what == 0) {
      link_->park("it was told to");
    } else if (what == 1) {
      link_->signal_config();
    } else {
      link_->signal_queue(0);
    }
  }

 private:
  boost::asio::io_context& executor_;
  std::vector<std::unique_ptr<QueueWorker>> workers_;
  DriverLink* link_ = nullptr;
};

// One for all inputs: a thread takes longer to start than an input to run.
Executor& executor() {
  static Executor executor("fuzz-device");
  static const bool started = executor.start().has_value();
  check(started);
  return executor;
}

class Fuzz {
 public:
  explicit Fuzz(Input& input) : input_(input) {
    auto device = std::make_unique<Echo>(executor().context());
    device_ = device.get();
    transport_ =
        MmioTransport::create(std::move(device), memory_, interrupt_, executor().context()).value();
    check(bus_.add(kBase, MmioTransport::kSize, *transport_).has_value());
    check(transport_->kicks().size() == kQueueSizes.size());
    lay_out({});
  }
  ~Fuzz() {
    transport_->stop();
    check(register_at(VIRTIO_MMIO_STATUS) == 0);
  }
  Fuzz(const Fuzz&) = delete;
  Fuzz& operator=(const Fuzz&) = delete;

  void step() {
    switch (input_.below(10)) {
      case 0:
        return read();
      case 1:
      case 2:
        return write();
      case 3:
        return write_register();
      case 4:
        return set_up();
      case 5:
      case 6:
        return request();
      case 7:
        return scribble();
      case 8:
        return speak();
      default:
        return reset();
    }
  }

 private:
  [[nodiscard]] std::uint32_t register_at(std::uint64_t offset) const {
    std::array<std::byte, 4> bytes{};
    check(bus_.read(kBase + offset, bytes));
    return std::bit_cast<std::uint32_t>(bytes);
  }
  void set_register(std::uint64_t offset, std::uint32_t value) {
    check(bus_.write(kBase + offset, std::bit_cast<std::array<std::byte, 4>>(value)));
    check_status();
  }

  void read() {
    std::array<std::byte, kMaxWidth> bytes{};
    const auto data = std::span(bytes).first(1U + input_.below(kMaxWidth));
    const std::uint64_t offset = input_.take<std::uint16_t>() % (MmioTransport::kSize + 8);
    const bool within = offset + data.size() <= MmioTransport::kSize;
    check(bus_.read(kBase + offset, data) == within);
    const bool defined = offset >= VIRTIO_MMIO_CONFIG || (data.size() == 4 && offset % 4 == 0);
    check(!within || defined ||
          std::ranges::all_of(data, [](std::byte byte) { return byte == std::byte{0}; }));
  }

  void write() {
    std::array<std::byte, kMaxWidth> bytes{};
    const auto data = std::span(bytes).first(1U + input_.below(kMaxWidth));
    std::ranges::generate(data, [this] { return std::byte{input_.byte()}; });
    const std::uint64_t offset = input_.take<std::uint16_t>() % (MmioTransport::kSize + 8);
    static_cast<void>(bus_.write(kBase + offset, data));
    check_status();
  }

  void write_register() {
    const std::uint64_t offset = 4ULL * input_.below(VIRTIO_MMIO_CONFIG / 4);
    set_register(offset, input_.flag() ? input_.take<std::uint32_t>() : input_.byte());
  }

  // What holds whatever the driver does.
  void check_status() {
    check(register_at(VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976);
    const std::uint32_t status = register_at(VIRTIO_MMIO_STATUS);
    check((status & VIRTIO_CONFIG_S_DRIVER_OK) == 0 || (status & VIRTIO_CONFIG_S_FEATURES_OK) != 0);
    // Only a reset ends the need for one.
    check(!needed_reset_ || status == 0 || (status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0);
    needed_reset_ = (status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0;
    const std::uint32_t interrupts = register_at(VIRTIO_MMIO_INTERRUPT_STATUS);
    check((interrupts & ~3U) == 0);
    // Nothing is said to a driver that is not there yet (2.1.2).
    check(interrupts == 0 || (status & VIRTIO_CONFIG_S_DRIVER_OK) != 0);
  }

  void lay_out(RingFeatures features) {
    drivers_.clear();
    for (std::size_t i = 0; i < kQueueSizes.size(); ++i) {
      drivers_.push_back(std::make_unique<DriverQueue>(memory_, i * DriverQueue::kSpan,
                                                       kQueueSizes.at(i), features));
    }
  }

  // By the book, but perhaps with a word too many.
  void set_up() {
    reset();
    const std::uint8_t bits = input_.byte();
    const RingFeatures features{
        .indirect = (bits & 1U) != 0, .event_index = (bits & 2U) != 0, .packed = (bits & 4U) != 0};
    for (std::size_t i = 0; i < kQueueSizes.size(); ++i) {
      for (const GuestAddress part : kParts) {
        std::ranges::fill(*memory_.slice(i * DriverQueue::kSpan + part, kPartSize), std::byte{0});
      }
    }
    lay_out(features);
    set_register(VIRTIO_MMIO_STATUS, 3);
    set_register(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    set_register(VIRTIO_MMIO_DRIVER_FEATURES,
                 (features.indirect ? 1U << kFeatureIndirect : 0U) |
                     (features.event_index ? 1U << kFeatureEventIndex : 0U));
    set_register(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    set_register(VIRTIO_MMIO_DRIVER_FEATURES, features.packed ? 5 : 1);
    set_register(VIRTIO_MMIO_STATUS, 0x0b);
    check(register_at(VIRTIO_MMIO_STATUS) == 0x0b);
    for (std::uint32_t i = 0; i < kQueueSizes.size(); ++i) {
      if ((bits & 8U << i) == 0) {
        set_up_queue(i);
      }
    }
    if ((bits & 0x40U) != 0) {
      write_register();
    }
    set_register(VIRTIO_MMIO_STATUS, 0x0f);
  }

  void set_up_queue(std::uint32_t index) {
    const QueueConfig config = drivers_.at(index)->config();
    set_register(VIRTIO_MMIO_QUEUE_SEL, index);
    set_register(VIRTIO_MMIO_QUEUE_NUM, config.size);
    set_register(VIRTIO_MMIO_QUEUE_DESC_LOW, static_cast<std::uint32_t>(config.descriptors));
    set_register(VIRTIO_MMIO_QUEUE_AVAIL_LOW, static_cast<std::uint32_t>(config.driver_area));
    set_register(VIRTIO_MMIO_QUEUE_USED_LOW, static_cast<std::uint32_t>(config.device_area));
    set_register(VIRTIO_MMIO_QUEUE_READY, 1);
    check(register_at(VIRTIO_MMIO_QUEUE_READY) == 1);
  }

  void request() {
    const std::uint8_t index = input_.below(kQueueSizes.size());
    DriverQueue& driver = *drivers_.at(index);
    std::vector<DriverQueue::Buffer> buffers(1U + input_.below(4));
    for (auto& buffer : buffers) {
      buffer = {input_.byte(), input_.flag(), DriverQueue::kHeap};
    }
    static_cast<void>(driver.add(buffers));
    set_register(VIRTIO_MMIO_QUEUE_NOTIFY, index);
    settle();
    while (input_.flag() && driver.take()) {
    }
  }

  void scribble() {
    const std::uint64_t queue = input_.below(kQueueSizes.size());
    const GuestAddress at = queue * DriverQueue::kSpan + kParts.at(input_.below(kParts.size())) +
                            input_.take<std::uint16_t>() % kPartSize;
    settle();
    static_cast<void>(memory_.write(at, input_.take<std::uint64_t>()));
    set_register(VIRTIO_MMIO_QUEUE_NOTIFY, static_cast<std::uint32_t>(queue));
    settle();
  }

  void speak() {
    const std::uint8_t what = input_.below(4);
    boost::asio::post(executor().context(), [device = device_, what] { device->speak(what); });
    settle();
    check_status();
  }

  void reset() {
    set_register(VIRTIO_MMIO_STATUS, 0);
    check(register_at(VIRTIO_MMIO_STATUS) == 0);
    check(register_at(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
    for (std::uint32_t i = 0; i < kQueueSizes.size(); ++i) {
      set_register(VIRTIO_MMIO_QUEUE_SEL, i);
      check(register_at(VIRTIO_MMIO_QUEUE_READY) == 0);
      check(register_at(VIRTIO_MMIO_QUEUE_NUM_MAX) == kQueueSizes.at(i));
    }
  }

  // Waits until the device has done most of what it has to do.
  void settle() {
    for (int turn = 0; turn < 2; ++turn) {
      std::promise<void> done;
      boost::asio::post(executor().context(), [&] { done.set_value(); });
      done.get_future().wait();
    }
  }

  Input& input_;
  GuestMemory memory_ = test::make_guest_memory(4ULL << 20U);
  Interrupt interrupt_{EventFd::create().value()};
  Echo* device_ = nullptr;
  std::unique_ptr<MmioTransport> transport_;
  Bus bus_;
  std::vector<std::unique_ptr<DriverQueue>> drivers_;
  bool needed_reset_ = false;
};

}  // namespace
}  // namespace bothy::virtio

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bothy::set_log_level(bothy::LogLevel::kError);  // what a guest provokes is not for a fuzzer
  bothy::fuzz::Input input({data, std::min<std::size_t>(size, 1024)});
  bothy::virtio::Fuzz fuzz(input);
  while (!input.ended()) {
    fuzz.step();
  }
  return 0;
}
