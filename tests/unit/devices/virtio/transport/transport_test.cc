#include "devices/virtio/transport/transport.h"

#include <linux/virtio_config.h>

#include <array>
#include <boost/asio/post.hpp>
#include <future>
#include <mutex>

#include "base/executor.h"
#include "tests/support/catch.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

constexpr std::uint32_t kDriver = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
constexpr std::uint32_t kSettled = kDriver | VIRTIO_CONFIG_S_FEATURES_OK;
constexpr std::uint32_t kStarted = kSettled | VIRTIO_CONFIG_S_DRIVER_OK;
constexpr std::array<std::uint16_t, 2> kQueueSizes{16, 32};

// Remembers what it is notified of, as MSI-X would deliver it.
class RecordingInterrupts final : public InterruptSource {
 public:
  void notify_queue(std::uint16_t index) noexcept override {
    const std::lock_guard lock(mutex_);
    queues_.push_back(index);
  }
  void notify_config() noexcept override {
    const std::lock_guard lock(mutex_);
    ++configs_;
  }
  [[nodiscard]] std::vector<std::uint16_t> queues() const {
    const std::lock_guard lock(mutex_);
    return queues_;
  }
  [[nodiscard]] int configs() const {
    const std::lock_guard lock(mutex_);
    return configs_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::uint16_t> queues_;
  int configs_ = 0;
};

// Serves nothing, and shows what it was started with.
class IdleDevice final : public Device {
 public:
  [[nodiscard]] DeviceId id() const noexcept override { return DeviceId::kConsole; }
  [[nodiscard]] std::uint64_t features() const noexcept override { return feature(3); }
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const noexcept override {
    return kQueueSizes;
  }
  void read_config(std::uint64_t, std::span<std::byte>) noexcept override {}
  void write_config(std::uint64_t, std::span<const std::byte>) noexcept override {}
  void start(std::uint64_t features, std::vector<ActiveQueue> queues,
             DriverLink& link) noexcept override {
    accepted = features;
    active = std::move(queues);
    driver = &link;
  }
  std::vector<QueueState> stop() noexcept override {
    active.clear();
    driver = nullptr;
    return std::vector<QueueState>(kQueueSizes.size());
  }

  std::uint64_t accepted = 0;
  std::vector<ActiveQueue> active;
  DriverLink* driver = nullptr;
};

struct Rig {
  test::VirtioDriver ring{16};
  Executor executor{"test-device"};
  RecordingInterrupts interrupts;
  IdleDevice* device = nullptr;
  std::unique_ptr<VirtioTransport> transport;

  Rig() {
    REQUIRE(executor.start().has_value());
    auto owned = std::make_unique<IdleDevice>();
    device = owned.get();
    transport =
        VirtioTransport::create(std::move(owned), ring.memory(), interrupts, executor.context())
            .value();
  }
  ~Rig() { transport->stop(); }

  void settle_features() const {
    transport->set_status(kDriver);
    transport->set_driver_features(feature(kFeatureVersion1) | feature(3));
    transport->set_status(kSettled);
  }
  void set_up_queue(std::uint32_t index) const {
    const QueueConfig config = ring.config();
    transport->set_queue_size(index, config.size);
    QueueConfig* queue = transport->configurable_queue(index);
    REQUIRE(queue != nullptr);
    queue->descriptors = config.descriptors;
    queue->driver_area = config.driver_area;
    queue->device_area = config.device_area;
    transport->set_queue_ready(index, true);
  }
  // On the device's thread, awaited.
  void as_device(const std::function<void(DriverLink&)>& act) {
    std::promise<void> done;
    boost::asio::post(executor.context(), [&] {
      act(*device->driver);
      done.set_value();
    });
    done.get_future().wait();
  }
};

}  // namespace

TEST_CASE("A device is started with the accepted features and the queues that are ready") {
  Rig rig;
  rig.settle_features();
  rig.set_up_queue(1);
  rig.transport->set_status(kStarted);
  CHECK(rig.transport->status() == kStarted);
  CHECK(rig.device->accepted == (feature(kFeatureVersion1) | feature(3)));
  REQUIRE(rig.device->active.size() == 2);
  CHECK(rig.device->active[0].queue == nullptr);
  CHECK(rig.device->active[1].queue != nullptr);
  CHECK(rig.device->active[1].index == 1);
  rig.transport->kick(1);
  rig.transport->kick(7);  // no such queue: ignored
  CHECK(rig.device->active[1].kick->drain() == 1);
  rig.transport->set_status(0);
  CHECK(rig.device->driver == nullptr);
  CHECK(rig.transport->status() == 0);
  CHECK_FALSE(rig.transport->queue_ready(1));
}

TEST_CASE("Interrupts say which queue they are for, or that the configuration has changed") {
  Rig rig;
  rig.settle_features();
  rig.set_up_queue(0);
  rig.set_up_queue(1);
  rig.transport->set_status(kStarted);
  rig.as_device([](DriverLink& driver) {
    driver.signal_queue(1);
    driver.signal_queue(0);
  });
  CHECK(rig.interrupts.queues() == std::vector<std::uint16_t>{1, 0});
  CHECK(rig.interrupts.configs() == 0);
  CHECK(rig.transport->interrupt_status() == kQueueInterrupt);

  const std::uint32_t generation = rig.transport->config_generation();
  rig.as_device([](DriverLink& driver) { driver.signal_config(); });
  CHECK(rig.interrupts.configs() == 1);
  CHECK(rig.transport->config_generation() == generation + 1);
  CHECK(rig.transport->interrupt_status() == (kQueueInterrupt | kConfigInterrupt));
  rig.transport->acknowledge_interrupts(kQueueInterrupt);
  CHECK(rig.transport->interrupt_status() == kConfigInterrupt);
}

TEST_CASE("A parked device needs a reset, and notifies its driver once") {
  Rig rig;
  rig.settle_features();
  rig.set_up_queue(0);
  rig.transport->set_status(kStarted);
  rig.as_device([](DriverLink& driver) {
    driver.park("the test breaks a rule");
    driver.park("and again");
  });
  CHECK(rig.transport->status() == (kStarted | VIRTIO_CONFIG_S_NEEDS_RESET));
  CHECK(rig.interrupts.configs() == 1);
  rig.transport->set_status(0);
  CHECK(rig.transport->status() == 0);
  CHECK(rig.transport->interrupt_status() == 0);
}

TEST_CASE("Queues can be configured only between FEATURES_OK and their being ready") {
  Rig rig;
  CHECK(rig.transport->configurable_queue(0) == nullptr);
  rig.settle_features();
  CHECK(rig.transport->configurable_queue(0) != nullptr);
  CHECK(rig.transport->configurable_queue(2) == nullptr);
  CHECK(rig.transport->queue_max_size(1) == 32);
  CHECK(rig.transport->queue_max_size(2) == 0);
  rig.set_up_queue(0);
  CHECK(rig.transport->configurable_queue(0) == nullptr);
  rig.transport->set_queue_ready(0, false);
  CHECK(rig.transport->configurable_queue(0) != nullptr);
}

TEST_CASE("All notifications of a device without messages go by one line") {
  const Interrupt line(EventFd::create().value());
  LineInterrupt interrupts(line);
  interrupts.notify_queue(0);
  interrupts.notify_queue(5);
  interrupts.notify_config();
  CHECK(line.event().drain() == 3);
}

}  // namespace bothy::virtio
