// CharacterRecorder: remembers what a guest sent.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "devices/character.h"

namespace bothy {

class CharacterRecorder final : public CharacterSink {
 public:
  void write(std::span<const std::byte> bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    text_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }

  // What came since the last call.
  [[nodiscard]] std::string take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(text_, {});
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

}  // namespace bothy
