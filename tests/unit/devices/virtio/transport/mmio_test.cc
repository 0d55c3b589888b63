#include "devices/virtio/transport/mmio.h"

#include <linux/virtio_mmio.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <thread>

#include "base/executor.h"
#include "devices/virtio/rng/rng.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"
#include "tests/support/port_driver.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {
namespace {

using test::VirtioDriver;

constexpr std::uint64_t kBase = 0xd0000000;
constexpr std::uint32_t kStarted = 0x0f;  // ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK
constexpr std::uint32_t kNeedsReset = 0x40;
constexpr std::uint32_t kFailed = 0x80;
// Features, the high half.
constexpr std::uint32_t kModern = 1;
constexpr std::uint32_t kPacked = 4;

// An entropy device behind its registers, and a driver that knows what to write.
struct Rig {
  VirtioDriver ring;
  Executor executor{"test-device"};
  Interrupt interrupt{EventFd::create().value()};
  std::unique_ptr<MmioTransport> transport;
  Bus bus;
  PortDriver port{bus};

  explicit Rig(RingFeatures features = {}) : ring(16, features) {
    REQUIRE(executor.start().has_value());
    transport = MmioTransport::create(std::make_unique<Rng>(executor.context()), ring.memory(),
                                      interrupt, executor.context())
                    .value();
    REQUIRE(bus.add(kBase, MmioTransport::kSize, *transport).has_value());
  }
  ~Rig() { transport->stop(); }

  [[nodiscard]] std::uint32_t in(std::uint64_t offset) const {
    return port.in<std::uint32_t>(kBase + offset);
  }
  void out(std::uint64_t offset, std::uint32_t value) const {
    port.out<std::uint32_t>(kBase + offset, value);
  }

  void accept_features(std::uint32_t low, std::uint32_t high) const {
    out(VIRTIO_MMIO_STATUS, 3);
    out(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    out(VIRTIO_MMIO_DRIVER_FEATURES, low);
    out(VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    out(VIRTIO_MMIO_DRIVER_FEATURES, high);
    out(VIRTIO_MMIO_STATUS, 0x0b);
  }
  void set_up_queue(const QueueConfig& queue) const {
    out(VIRTIO_MMIO_QUEUE_SEL, 0);
    out(VIRTIO_MMIO_QUEUE_NUM, queue.size);
    out(VIRTIO_MMIO_QUEUE_DESC_LOW, static_cast<std::uint32_t>(queue.descriptors));
    out(VIRTIO_MMIO_QUEUE_DESC_HIGH, static_cast<std::uint32_t>(queue.descriptors >> 32U));
    out(VIRTIO_MMIO_QUEUE_AVAIL_LOW, static_cast<std::uint32_t>(queue.driver_area));
    out(VIRTIO_MMIO_QUEUE_USED_LOW, static_cast<std::uint32_t>(queue.device_area));
    out(VIRTIO_MMIO_QUEUE_READY, 1);
  }
  void start() const {
    accept_features(0, ring.features().packed ? kModern | kPacked : kModern);
    set_up_queue(ring.config());
    out(VIRTIO_MMIO_STATUS, kStarted);
  }
};

}  // namespace

TEST_CASE("The registers identify the device") {
  const Rig rig;
  CHECK(rig.in(VIRTIO_MMIO_MAGIC_VALUE) == 0x74726976);
  CHECK(rig.in(VIRTIO_MMIO_VERSION) == 2);
  CHECK(rig.in(VIRTIO_MMIO_DEVICE_ID) == 4);
  CHECK(rig.in(VIRTIO_MMIO_QUEUE_NUM_MAX) == 256);
  rig.out(VIRTIO_MMIO_QUEUE_SEL, 1);
  CHECK(rig.in(VIRTIO_MMIO_QUEUE_NUM_MAX) == 0);
  CHECK(rig.in(VIRTIO_MMIO_DEVICE_FEATURES) == 0x30000000);
  rig.out(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
  CHECK(rig.in(VIRTIO_MMIO_DEVICE_FEATURES) == (kModern | kPacked));
  rig.out(VIRTIO_MMIO_DEVICE_FEATURES_SEL, 2);
  CHECK(rig.in(VIRTIO_MMIO_DEVICE_FEATURES) == 0);
  CHECK(rig.port.in<std::uint8_t>(kBase) == 0);
  CHECK(rig.port.in<std::uint64_t>(kBase + 0x100) == 0);
  for (const std::uint64_t missing :
       std::initializer_list<std::uint64_t>{VIRTIO_MMIO_SHM_LEN_LOW, VIRTIO_MMIO_SHM_LEN_HIGH,
                                            VIRTIO_MMIO_SHM_BASE_LOW, VIRTIO_MMIO_SHM_BASE_HIGH}) {
    CHECK(rig.in(missing) == 0xffffffff);
  }
}

TEST_CASE("A driver that follows the specification gets entropy and an interrupt") {
  Rig rig(RingFeatures{.packed = GENERATE(false, true)});
  rig.start();
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == kStarted);
  const std::uint16_t head = rig.ring.add({{64, true}});
  rig.out(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
  REQUIRE(test::eventually([&] { return rig.ring.used_index() == 1; }));
  const auto used = rig.ring.take();
  CHECK(used->id == head);
  CHECK(used->length == 64);
  const auto bytes = rig.ring.memory().slice(rig.ring.addresses()[0], 64);
  CHECK(std::any_of(bytes->begin(), bytes->end(), [](std::byte b) { return b != std::byte{0}; }));
  CHECK(test::eventually([&] { return rig.in(VIRTIO_MMIO_INTERRUPT_STATUS) == 1; }));
  CHECK(test::eventually([&] { return rig.interrupt.event().drain() > 0; }));
  rig.out(VIRTIO_MMIO_INTERRUPT_ACK, 1);
  CHECK(rig.in(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);
}

TEST_CASE("A reset stops the device, and it can be used again") {
  Rig rig;
  rig.start();
  rig.out(VIRTIO_MMIO_STATUS, 0);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == 0);
  CHECK(rig.in(VIRTIO_MMIO_QUEUE_READY) == 0);
  rig.ring.add({{8, true}});
  rig.out(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(rig.ring.used_index() == 0);
  rig.start();
  CHECK(test::eventually([&] { return rig.ring.used_index() == 1; }));  // even without a kick
}

TEST_CASE("Features that are not offered, or without VERSION_1, are not accepted") {
  const Rig rig;
  SECTION("a feature that is not offered") {
    rig.accept_features(1, 1);
  }
  SECTION("legacy") {
    rig.accept_features(0, 0);
  }
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == 3);
  rig.set_up_queue(rig.ring.config());
  CHECK(rig.in(VIRTIO_MMIO_QUEUE_READY) == 0);
  rig.out(VIRTIO_MMIO_STATUS, kStarted & ~8U);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == (3 | kNeedsReset));
  CHECK(rig.in(VIRTIO_MMIO_INTERRUPT_STATUS) == 0);  // not before DRIVER_OK
  CHECK(rig.interrupt.event().drain() == 0);
  // What is parked needs its reset.
  rig.accept_features(0, kModern);
  rig.out(VIRTIO_MMIO_STATUS, kStarted);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == (0x0b | kNeedsReset));
  rig.out(VIRTIO_MMIO_STATUS, 0);
  rig.start();
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == kStarted);
}

TEST_CASE("Features can be negotiated again until they are accepted") {
  Rig rig;
  rig.accept_features(1, kModern);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == 3);
  rig.accept_features(0, kModern);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == 0x0b);
  rig.accept_features(0, 0);  // too late: ignored
  rig.set_up_queue(rig.ring.config());
  rig.out(VIRTIO_MMIO_STATUS, kStarted);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == kStarted);
  rig.ring.add({{8, true}});
  rig.out(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
  CHECK(test::eventually([&] { return rig.ring.used_index() == 1; }));
}

TEST_CASE("A device with FAILED set is not started before a reset") {
  Rig rig;
  rig.accept_features(0, kModern);
  rig.set_up_queue(rig.ring.config());
  rig.out(VIRTIO_MMIO_STATUS, kFailed);
  rig.out(VIRTIO_MMIO_STATUS, kStarted | kFailed);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == (0x0b | kFailed));
  rig.out(VIRTIO_MMIO_STATUS, 0);
  rig.ring.add({{8, true}});
  rig.start();
  CHECK(test::eventually([&] { return rig.ring.used_index() == 1; }));
}

TEST_CASE("An access past the window's end reaches nothing") {
  const Rig rig;
  CHECK(rig.port.in<std::uint32_t>(kBase + MmioTransport::kSize - 4) == 0);
  CHECK(rig.port.in<std::uint32_t>(kBase + MmioTransport::kSize - 2) == 0xffffffff);
  CHECK(rig.port.in<std::uint64_t>(kBase + MmioTransport::kSize - 4) == ~0ULL);
}

TEST_CASE("An invalid queue configuration parks the device until its reset") {
  Rig rig;
  rig.accept_features(0, 1);
  QueueConfig queue = rig.ring.config();
  SECTION("beyond RAM") {
    queue.descriptors = VirtioDriver::kMemory;
  }
  SECTION("larger than the device takes") {
    queue.size = 512;
  }
  rig.set_up_queue(queue);
  rig.out(VIRTIO_MMIO_STATUS, kStarted);
  CHECK((rig.in(VIRTIO_MMIO_STATUS)&kNeedsReset) != 0);
  CHECK(rig.in(VIRTIO_MMIO_INTERRUPT_STATUS) == 2);
  rig.out(VIRTIO_MMIO_STATUS, 0);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == 0);
  rig.ring.add({{8, true}});
  rig.start();
  CHECK(test::eventually([&] { return rig.ring.used_index() == 1; }));
}

TEST_CASE("A broken ring parks the device until its reset") {
  Rig rig;
  rig.start();
  rig.ring.break_ring();
  rig.out(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
  CHECK(test::eventually([&] { return (rig.in(VIRTIO_MMIO_STATUS)&kNeedsReset) != 0; }));
  rig.out(VIRTIO_MMIO_STATUS, 0);
  rig.ring.set_available_index(0);
  rig.ring.add({{8, true}});
  rig.start();
  CHECK(test::eventually([&] { return rig.ring.used_index() == 1; }));
}

TEST_CASE("A running queue can't be reconfigured, and invalid accesses change nothing") {
  Rig rig;
  rig.start();
  QueueConfig elsewhere = rig.ring.config();
  elsewhere.descriptors = 0x3000;
  rig.set_up_queue(elsewhere);
  rig.port.out<std::uint8_t>(kBase + VIRTIO_MMIO_STATUS, 0);
  rig.port.out<std::uint32_t>(kBase + VIRTIO_MMIO_STATUS + 2, 0);
  rig.port.out<std::uint64_t>(kBase + 0x100, ~0ULL);
  rig.out(VIRTIO_MMIO_QUEUE_NOTIFY, 7);
  CHECK(rig.in(VIRTIO_MMIO_STATUS) == kStarted);
  rig.ring.add({{8, true}});
  rig.out(VIRTIO_MMIO_QUEUE_NOTIFY, 0);
  CHECK(test::eventually([&] { return rig.ring.used_index() == 1; }));
}

}  // namespace bothy::virtio
