// LinkRecorder: records the notifications of a device to its driver.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "devices/virtio/device.h"

namespace bothy::test {

class LinkRecorder final : public virtio::DriverLink {
 public:
  void signal_queue(std::uint16_t queue) noexcept override {
    const std::lock_guard lock(mutex_);
    signalled_.push_back(queue);
  }
  void signal_config() noexcept override { ++config_changes_; }
  void park(const std::string& why) noexcept override {
    const std::lock_guard lock(mutex_);
    why_parked_ = why;
  }

  // The queues with a used buffer notification since the last call.
  [[nodiscard]] std::vector<std::uint16_t> take_signalled() {
    const std::lock_guard lock(mutex_);
    return std::exchange(signalled_, {});
  }
  [[nodiscard]] int config_changes() const noexcept { return config_changes_; }
  // Empty: the device needs no reset.
  [[nodiscard]] std::string why_parked() const {
    const std::lock_guard lock(mutex_);
    return why_parked_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::uint16_t> signalled_;
  std::string why_parked_;
  std::atomic<int> config_changes_{0};
};

}  // namespace bothy::test
