// Bus: maps address ranges to handlers, for port I/O and for MMIO.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace bothy {

// Handles accesses to ranges of a bus. Called on several vCPU threads at once. The guest is
// hostile: handlers must cope with any offset, any length from 1 to 8, and any data.
class BusHandler {
 public:
  BusHandler() = default;
  BusHandler(const BusHandler&) = delete;
  BusHandler& operator=(const BusHandler&) = delete;
  virtual ~BusHandler() = default;

  // `offset` is the one given to Bus::add() plus the position within the range. `data` is
  // initialized to 0xff, the value of absent registers.
  virtual void read(std::uint64_t offset, std::span<std::byte> data) noexcept = 0;
  virtual void write(std::uint64_t offset, std::span<const std::byte> data) noexcept = 0;
};

// Ranges are added while the machine is built and don't change after that, so look-ups take no
// lock. Handlers are not owned and outlive the bus.
class Bus {
 public:
  // kInvalid if [base, base + size) is empty, wraps, or overlaps another range. `base` is the
  // handler's `offset`; a handler may have several ranges.
  [[nodiscard]] Result<void> add(std::uint64_t base, std::uint64_t size, BusHandler& handler,
                                 std::uint64_t offset = 0);

  // Reads all ones where there is no handler, and where the access crosses the end of a range.
  // Returns whether a handler was called.
  [[nodiscard]] bool read(std::uint64_t address, std::span<std::byte> data) const noexcept;
  [[nodiscard]] bool write(std::uint64_t address, std::span<const std::byte> data) const noexcept;

 private:
  struct Range {
    std::uint64_t base;
    std::uint64_t size;
    BusHandler* handler;
    std::uint64_t offset;
  };

  [[nodiscard]] const Range* find(std::uint64_t address, std::size_t length) const noexcept;

  std::vector<Range> ranges_;  // sorted by base
};

}  // namespace bothy
