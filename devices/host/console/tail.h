// ConsoleTail: the last lines of a guest's output, for a report.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>

#include "devices/character.h"

namespace bothy {

// Passes output on to a sink, and keeps the end of it. Any thread.
class ConsoleTail final : public CharacterSink {
 public:
  static constexpr std::size_t kCapacity = 8U << 10U;

  // `sink` outlives this object.
  explicit ConsoleTail(CharacterSink& sink) noexcept : sink_(sink) {}

  void write(std::span<const std::byte> bytes) noexcept override;
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept override;
  void set_room_hook(std::function<void()> hook) noexcept override;

  // The last `lines` lines, without escape sequences or other control characters.
  [[nodiscard]] std::string tail(std::size_t lines) const;

 private:
  void remember(std::span<const std::byte> bytes);

  CharacterSink& sink_;
  mutable std::mutex mutex_;
  std::string text_;
};

// The last `lines` lines of `text`, without escape sequences and other control characters.
[[nodiscard]] std::string printable_tail(std::string_view text, std::size_t lines);

}  // namespace bothy
