#include "devices/host/console/tail.h"

#include <algorithm>
#include <utility>

namespace bothy {

void ConsoleTail::write(std::span<const std::byte> bytes) noexcept {
  remember(bytes);
  sink_.write(bytes);
}

std::size_t ConsoleTail::try_write(std::span<const std::byte> bytes) noexcept {
  const std::size_t taken = sink_.try_write(bytes);
  remember(bytes.first(taken));
  return taken;
}

void ConsoleTail::set_room_hook(std::function<void()> hook) noexcept {
  sink_.set_room_hook(std::move(hook));
}

void ConsoleTail::remember(std::span<const std::byte> bytes) {
  const auto last = bytes.last(std::min(bytes.size(), kCapacity));
  const std::lock_guard lock(mutex_);
  text_.append(reinterpret_cast<const char*>(last.data()), last.size());
  if (text_.size() > 2 * kCapacity) {
    text_.erase(0, text_.size() - kCapacity);
  }
}

std::string ConsoleTail::tail(std::size_t lines) const {
  const std::lock_guard lock(mutex_);
  return printable_tail(text_, lines);
}

std::string printable_tail(std::string_view text, std::size_t lines) {
  std::string clean;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
      // A control sequence ends with a byte from '@' to '~' (ECMA-48, 5.4).
      i += 2;
      while (i < text.size() && (text[i] < '@' || text[i] > '~')) {
        ++i;
      }
    } else if (c == '\n' || c == '\t' || (c >= ' ' && c != '\x7f')) {
      clean += c;
    }
  }
  while (clean.ends_with('\n')) {
    clean.pop_back();
  }
  std::size_t start = clean.size();
  for (std::size_t i = 0; i < lines && start != std::string::npos && start > 0; ++i) {
    start = clean.rfind('\n', start - 1);
  }
  return start == std::string::npos || start == 0 ? clean : clean.substr(start + 1);
}

}  // namespace bothy
