// ConsoleRig: a console device, the sinks of its ports, and its driver.
#pragma once

#include <linux/virtio_console.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "devices/virtio/console/console.h"
#include "tests/support/catch.h"
#include "tests/support/character_recorder.h"
#include "tests/support/link_recorder.h"
#include "tests/support/virtio_driver.h"

namespace bothy::virtio {

inline constexpr std::uint64_t kMultiport = 1ULL << VIRTIO_CONSOLE_F_MULTIPORT;
// An early input timeout that no test outlasts.
inline constexpr std::chrono::hours kNoTimeout{24};
inline constexpr std::uint64_t kSize = 1ULL << VIRTIO_CONSOLE_F_SIZE;

// A port on the device's side.
struct RigPort {
  std::string name;
  bool is_console = true;
  bool open = true;
};

// A single console.
inline std::vector<RigPort> alone() {
  return {RigPort{}};
}

// Each ring layout: the test case runs once with each.
inline RingFeatures either_layout() {
  return GENERATE(RingFeatures{}, RingFeatures{.packed = true});
}

inline std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Reads the config space at `offset`.
template <class T>
T config(Console& console, std::uint64_t offset) {
  std::array<std::byte, sizeof(T)> data{};
  console.read_config(offset, data);
  T value;
  std::memcpy(&value, data.data(), sizeof(value));
  return value;
}

// The executor runs only within run() and the functions that call it.
class ConsoleRig {
 public:
  explicit ConsoleRig(const std::vector<RigPort>& ports, ConsoleSize size = {},
                      RingFeatures rings = either_layout(),
                      std::chrono::milliseconds early_input_timeout = kNoTimeout)
      : memory_(test::make_guest_memory((2 * ports.size() + 2) * test::DriverQueue::kSpan)),
        sinks_(ports.size()),
        console_(executor_, specs(ports), size, early_input_timeout) {
    for (std::size_t i = 0; i < console_.queue_sizes().size(); ++i) {
      drivers_.emplace_back(memory_, i * test::DriverQueue::kSpan, kQueueSize, rings);
      kicks_.push_back(EventFd::create().value());
    }
  }
  ConsoleRig(const ConsoleRig&) = delete;
  ConsoleRig& operator=(const ConsoleRig&) = delete;
  ~ConsoleRig() {
    if (running_) {
      stop();
    }
  }

  // `states`: those of the run before, to continue it.
  void start(std::uint64_t features, std::vector<QueueState> states = {}) {
    states.resize(drivers_.size());
    std::vector<ActiveQueue> active;
    for (std::size_t i = 0; i < drivers_.size(); ++i) {
      active.push_back({drivers_[i].queue(states[i]), &kicks_[i], static_cast<std::uint16_t>(i)});
    }
    console_.start(features, std::move(active), link_);
    running_ = true;
    run();
  }
  std::vector<QueueState> stop() {
    running_ = false;
    return console_.stop();
  }
  // Runs the tasks that are ready.
  void run() {
    executor_.restart();
    executor_.poll();
  }

  // Runs tasks, waiting for them, until the condition holds or there are none left.
  template <class Condition>
  void run_until(Condition condition) {
    executor_.restart();
    while (!condition() && executor_.run_one() > 0) {
    }
  }

  [[nodiscard]] Console& console() noexcept { return console_; }
  [[nodiscard]] CharacterReceiver& port(std::size_t index = 0) { return console_.port(index); }
  [[nodiscard]] CharacterRecorder& sink(std::size_t index = 0) { return sinks_.at(index); }
  [[nodiscard]] test::LinkRecorder& link() noexcept { return link_; }
  [[nodiscard]] test::DriverQueue& queue(std::size_t index) { return drivers_.at(index); }

  void kick(std::size_t queue) {
    kicks_.at(queue).signal();
    run();
  }
  // Makes a request with these bytes available, without a notification.
  void put(std::size_t queue, std::string_view bytes) {
    test::DriverQueue& driver = drivers_.at(queue);
    driver.add({{static_cast<std::uint32_t>(bytes.size()), false}});
    REQUIRE(memory_.write_bytes(driver.addresses()[0], std::as_bytes(std::span(bytes))));
  }
  void send(std::size_t queue, std::string_view bytes) {
    put(queue, bytes);
    kick(queue);
  }
  // Makes a writable buffer available, without a notification.
  void offer(std::size_t queue, std::uint32_t size) {
    drivers_.at(queue).add({{size, true}});
    offered_.push_back({queue, drivers_.at(queue).addresses()[0]});
  }
  // The content of the next used buffer of a queue; "-" if there is none.
  [[nodiscard]] std::string taken(std::size_t queue) {
    const auto used = drivers_.at(queue).take();
    const auto first = std::find_if(offered_.begin(), offered_.end(),
                                    [&](const Offered& offered) { return offered.queue == queue; });
    if (!used || first == offered_.end()) {
      return "-";
    }
    const auto bytes = memory_.slice(first->address, used->length);
    REQUIRE(bytes.has_value());
    offered_.erase(first);
    return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
  }

  void send_control(std::uint32_t port, std::uint16_t event, std::uint16_t value) {
    send(3, message(port, event, value));
  }
  [[nodiscard]] static std::string message(std::uint32_t port, std::uint16_t event,
                                           std::uint16_t value) {
    virtio_console_control control{};
    control.id = port;
    control.event = event;
    control.value = value;
    return {reinterpret_cast<const char*>(&control), sizeof(control)};
  }
  // The driver of a multiport device gets ready for control messages.
  void greet() {
    for (int i = 0; i < kQueueSize; ++i) {
      offer(2, 128);
    }
    send_control(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
  }

 private:
  static constexpr std::uint16_t kQueueSize = 16;
  struct Offered {
    std::size_t queue;
    GuestAddress address;
  };

  std::vector<ConsolePortSpec> specs(const std::vector<RigPort>& ports) {
    std::vector<ConsolePortSpec> all;
    for (std::size_t i = 0; i < ports.size(); ++i) {
      all.push_back({ports[i].name, ports[i].is_console, ports[i].open, &sinks_[i]});
    }
    return all;
  }

  GuestMemory memory_;
  std::deque<CharacterRecorder> sinks_;
  boost::asio::io_context executor_;
  std::vector<EventFd> kicks_;
  std::deque<test::DriverQueue> drivers_;
  std::vector<Offered> offered_;
  test::LinkRecorder link_;
  Console console_;
  bool running_ = false;
};

}  // namespace bothy::virtio
