// CharacterRecorder: a sink that records the guest's output.
#pragma once

#include <algorithm>
#include <limits>
#include <mutex>
#include <string>
#include <utility>

#include "devices/character.h"

namespace bothy {

// Takes everything, unless limit() was called.
class CharacterRecorder final : public CharacterSink {
 public:
  void write(std::span<const std::byte> bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    const std::size_t taken = std::min(bytes.size(), room_);
    room_ -= taken;
    text_.append(reinterpret_cast<const char*>(bytes.data()), taken);
    room_wanted_ |= taken < bytes.size();
    return taken;
  }
  void set_room_hook(std::function<void()> hook) noexcept override {
    const std::lock_guard lock(mutex_);
    room_hook_ = std::move(hook);
  }

  // Takes at most `room` more bytes, until the next limit().
  void limit(std::size_t room) {
    const std::lock_guard lock(mutex_);
    room_ = room;
    if (room > 0 && room_hook_ && std::exchange(room_wanted_, false)) {
      room_hook_();
    }
  }
  // The output since the last call.
  [[nodiscard]] std::string take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
  }

 private:
  std::mutex mutex_;
  std::string text_;
  std::size_t room_ = std::numeric_limits<std::size_t>::max();
  bool room_wanted_ = false;
  std::function<void()> room_hook_;
};

}  // namespace bothy
