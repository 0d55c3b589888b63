// Bus: address range -> handler, for port I/O and for MMIO.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace bothy {

// What answers accesses to a range of a bus. Called on vCPU threads, several at once: a handler
// locks what it must. Any offset, any length from 1 to 8 and any bytes may come: the guest is
// hostile.
class BusHandler {
 public:
  BusHandler() = default;
  BusHandler(const BusHandler&) = delete;
  BusHandler& operator=(const BusHandler&) = delete;
  virtual ~BusHandler() = default;

  // `offset` is that of Bus::add() plus how far into the range the access begins. `data` comes
  // filled with 0xff, which is what an absent register reads as; fill in what is there.
  virtual void read(std::uint64_t offset, std::span<std::byte> data) noexcept = 0;
  virtual void write(std::uint64_t offset, std::span<const std::byte> data) noexcept = 0;
};

// Ranges are added while the machine is built and never change after that, so look-ups take no
// lock. Handlers are not owned and outlive the bus.
class Bus {
 public:
  // Fails with kInvalid when [base, base + size) is empty, wraps, or overlaps another range. `base`
  // is the handler's `offset`: one whose registers lie apart has several ranges.
  [[nodiscard]] Result<void> add(std::uint64_t base, std::uint64_t size, BusHandler& handler,
                                 std::uint64_t offset = 0);

  // Reads as all ones where nothing answers, or where the access crosses the end of a range.
  // The return value says whether a handler answered.
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
