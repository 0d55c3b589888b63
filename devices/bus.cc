#include "devices/bus.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace bothy {

Result<void> Bus::add(std::uint64_t base, std::uint64_t size, BusHandler& handler,
                      std::uint64_t offset) {
  if (size == 0) {
    return make_error(ErrorCode::kInvalid, "a device's range at {:#x} is empty", base);
  }
  if (size - 1 > std::numeric_limits<std::uint64_t>::max() - base) {
    return make_error(ErrorCode::kInvalid, "a device's range at {:#x} of {:#x} bytes wraps", base,
                      size);
  }
  const auto next = std::ranges::upper_bound(ranges_, base, {}, &Range::base);
  const bool hits_next = next != ranges_.end() && next->base - base < size;
  const bool hits_previous =
      next != ranges_.begin() && base - std::prev(next)->base < std::prev(next)->size;
  if (hits_next || hits_previous) {
    return make_error(ErrorCode::kInvalid,
                      "a device's range at {:#x} of {:#x} bytes overlaps the one at {:#x}", base,
                      size, hits_next ? next->base : std::prev(next)->base);
  }
  ranges_.insert(next, Range{base, size, &handler, offset});
  return success();
}

bool Bus::read(std::uint64_t address, std::span<std::byte> data) const noexcept {
  std::ranges::fill(data, std::byte{0xff});
  const Range* range = find(address, data.size());
  if (range == nullptr) {
    return false;
  }
  range->handler->read(range->offset + (address - range->base), data);
  return true;
}

bool Bus::write(std::uint64_t address, std::span<const std::byte> data) const noexcept {
  const Range* range = find(address, data.size());
  if (range == nullptr) {
    return false;
  }
  range->handler->write(range->offset + (address - range->base), data);
  return true;
}

const Bus::Range* Bus::find(std::uint64_t address, std::size_t length) const noexcept {
  const auto next = std::ranges::upper_bound(ranges_, address, {}, &Range::base);
  if (length == 0 || next == ranges_.begin()) {
    return nullptr;
  }
  const Range& range = *std::prev(next);
  const std::uint64_t offset = address - range.base;
  return offset < range.size && length <= range.size - offset ? &range : nullptr;
}

}  // namespace bothy
