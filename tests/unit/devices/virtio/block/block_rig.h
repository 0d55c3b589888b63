// A block device over a temporary file, and its driver.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "devices/virtio/block/block.h"
#include "tests/support/block_driver.h"
#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"
#include "tests/support/link_recorder.h"
#include "tests/support/temporary_file.h"

namespace bothy::virtio {

constexpr std::uint64_t kMiB = 1U << 20U;
constexpr std::uint8_t kOk = 0;
constexpr std::uint8_t kIoError = 1;
constexpr std::uint8_t kUnsupported = 2;

struct BlockRigKind {
  IoEngineKind engine = IoEngineKind::kUring;
  bool packed = false;
};

struct BlockRig {
  test::TemporaryFile file;
  test::VirtioDriver ring;
  test::BlockDriver driver{ring};
  test::LinkRecorder link;
  EventFd kick = EventFd::create().value();
  std::unique_ptr<Block> device;
  bool running = false;

  explicit BlockRig(BlockRigKind kind, std::uint64_t size = kMiB,
                    const std::function<void(DiskConfig&)>& change = {},
                    std::string_view directory = test::TemporaryFile::kDirectory)
      : file(size, {}, directory),
        ring(64, {.indirect = true, .event_index = kind.packed, .packed = kind.packed}) {
    DiskConfig config;
    config.path = file.path();
    config.id = "a-disk";
    if (change) {
      change(config);
    }
    auto made = Block::create(config, kind.engine);
    REQUIRE(made.has_value());
    device = std::move(made).value();
  }
  ~BlockRig() {
    if (running) {
      stop();
    }
  }

  void start(std::uint64_t features = ~std::uint64_t{0}) {
    std::vector<ActiveQueue> queues(device->queue_sizes().size());
    queues[0] = {ring.queue(), &kick, 0};
    device->start(features, std::move(queues), link);
    running = true;
  }
  std::vector<QueueState> stop() {
    running = false;
    return device->stop();
  }

  // Notifies the device and waits until so many more requests are used.
  void wait(unsigned count = 1) {
    seen_ = static_cast<std::uint16_t>(seen_ + count);
    kick.signal();
    REQUIRE(test::eventually([&] { return ring.used_index() == seen_; }));
  }
  // Waits for a single request, and returns its status.
  [[nodiscard]] std::uint8_t done(const test::BlockDriver::Request& request) {
    wait();
    return driver.status(request);
  }
  [[nodiscard]] std::uint8_t ranges(std::uint32_t type,
                                    const std::vector<virtio_blk_discard_write_zeroes>& segments) {
    const auto bytes = std::as_bytes(std::span(segments));
    return done(driver.add(type, 0, static_cast<std::uint32_t>(bytes.size()), false,
                           {reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
  }
  template <class T>
  [[nodiscard]] T config(std::size_t offset) const {
    T value{};
    device->read_config(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }

 private:
  std::uint16_t seen_ = 0;
};

inline BlockRigKind each_kind() {
  return {GENERATE(IoEngineKind::kUring, IoEngineKind::kThreads), GENERATE(false, true)};
}

}  // namespace bothy::virtio
