#include "arch/mp_table.h"

#include <cstddef>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "arch/layout.h"

namespace bothy::arch {
namespace {

// Section numbers are those of the specification, version 1.4.
using Bytes = std::vector<std::byte>;

constexpr std::uint32_t kMaxProcessors = 255;  // id 255 addresses all of them
constexpr std::uint8_t kRevision = 4;          // 1.4
constexpr std::uint8_t kEveryLocalApic = 0xff;
constexpr std::uint8_t kApicVersion = 0x14;  // a local APIC of its own chip, as KVM's says it is
constexpr std::uint8_t kIoApicVersion = 0x11;
constexpr std::uint8_t kIoApicId = 0;  // as KVM has it; its ids and local APICs' don't share a bus
constexpr std::uint8_t kIsaBus = 0;
constexpr std::uint8_t kIsaLines = 16;
constexpr std::uint8_t kCascade = 2;  // where the second 8259 hangs: no device has it

// 4.1
struct FloatingPointer {
  char signature[4] = {'_', 'M', 'P', '_'};
  std::uint32_t table = 0;
  std::uint8_t paragraphs = 1;
  std::uint8_t revision = kRevision;
  std::uint8_t checksum = 0;
  std::uint8_t features[5] = {};  // a table is present, and no 8259 has to be switched off
};
static_assert(sizeof(FloatingPointer) == 16);

// 4.2
struct Header {
  char signature[4] = {'P', 'C', 'M', 'P'};
  std::uint16_t length = 0;
  std::uint8_t revision = kRevision;
  std::uint8_t checksum = 0;
  char oem[8] = {'B', 'O', 'T', 'H', 'Y', ' ', ' ', ' '};
  char product[12] = {'B', 'O', 'T', 'H', 'Y', 'V', 'M', ' ', ' ', ' ', ' ', ' '};
  std::uint32_t oem_table = 0;
  std::uint16_t oem_size = 0;
  std::uint16_t entries = 0;
  std::uint32_t local_apic = static_cast<std::uint32_t>(layout::kLocalApic);
  std::uint16_t extended_length = 0;
  std::uint8_t extended_checksum = 0;
  std::uint8_t reserved = 0;
};
static_assert(sizeof(Header) == 44);

// 4.3.1
struct Processor {
  std::uint8_t type = 0;
  std::uint8_t apic_id = 0;
  std::uint8_t apic_version = kApicVersion;
  std::uint8_t flags = 0;
  std::uint32_t signature = 0x600;  // a guest asks CPUID
  std::uint32_t features = 0x201;   // FPU and APIC
  std::uint32_t reserved[2] = {};
};
static_assert(sizeof(Processor) == 20);
constexpr std::uint8_t kEnabled = 1U << 0U;
constexpr std::uint8_t kBootProcessor = 1U << 1U;

// 4.3.2
struct Bus {
  std::uint8_t type = 1;
  std::uint8_t id = kIsaBus;
  char name[6] = {'I', 'S', 'A', ' ', ' ', ' '};
};
static_assert(sizeof(Bus) == 8);

// 4.3.3
struct IoApic {
  std::uint8_t type = 2;
  std::uint8_t id = kIoApicId;
  std::uint8_t version = kIoApicVersion;
  std::uint8_t flags = kEnabled;
  std::uint32_t address = static_cast<std::uint32_t>(layout::kIoApic);
};
static_assert(sizeof(IoApic) == 8);

// 4.3.4, and 4.3.5 for a local APIC's. Polarity and trigger are the bus's own: ISA lines are edges.
struct Interrupt {
  std::uint8_t type = 0;
  std::uint8_t kind = 0;
  std::uint16_t flags = 0;
  std::uint8_t bus = kIsaBus;
  std::uint8_t line = 0;
  std::uint8_t apic = 0;
  std::uint8_t pin = 0;
};
static_assert(sizeof(Interrupt) == 8);
constexpr std::uint8_t kIoInterrupt = 3;
constexpr std::uint8_t kLocalInterrupt = 4;
constexpr std::uint8_t kVectored = 0;
constexpr std::uint8_t kNmi = 1;
constexpr std::uint8_t kExternal = 3;

// What makes the bytes sum to zero.
template <class Range>
std::uint8_t checksum(const Range& bytes) {
  return static_cast<std::uint8_t>(
      0U - std::accumulate(bytes.begin(), bytes.end(), 0U, [](unsigned total, std::byte byte) {
        return total + std::to_integer<unsigned>(byte);
      }));
}

// A configuration table that grows by an entry at a time.
class Table {
 public:
  template <class Entry>
  void add(const Entry& entry) {
    append(entry);
    ++header_.entries;
  }

  Bytes finish() {
    header_.length = static_cast<std::uint16_t>(bytes_.size());
    std::memcpy(bytes_.data(), &header_, sizeof(header_));
    header_.checksum = checksum(bytes_);
    std::memcpy(bytes_.data(), &header_, sizeof(header_));
    return std::move(bytes_);
  }

 private:
  template <class T>
  void append(const T& object) {
    const auto bytes = std::as_bytes(std::span(&object, 1));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  Header header_;
  Bytes bytes_ = Bytes(sizeof(Header));
};

Bytes build_table(std::uint32_t vcpus) {
  Table table;
  for (std::uint32_t id = 0; id < vcpus; ++id) {
    Processor processor;
    processor.apic_id = static_cast<std::uint8_t>(id);
    processor.flags = id == 0 ? kEnabled | kBootProcessor : kEnabled;
    table.add(processor);
  }
  table.add(Bus{});
  table.add(IoApic{});
  for (std::uint8_t line = 0; line < kIsaLines; ++line) {
    if (line != kCascade) {
      table.add(Interrupt{kIoInterrupt, kVectored, 0, kIsaBus, line, kIoApicId, line});
    }
  }
  // As set_initial_lapic() has wired them.
  table.add(Interrupt{kLocalInterrupt, kExternal, 0, kIsaBus, 0, kEveryLocalApic, 0});
  table.add(Interrupt{kLocalInterrupt, kNmi, 0, kIsaBus, 0, kEveryLocalApic, 1});
  return table.finish();
}

}  // namespace

Result<void> write_mp_table(std::uint32_t vcpus, GuestMemory& memory) {
  if (vcpus == 0 || vcpus > kMaxProcessors) {
    return make_error(ErrorCode::kInvalid, "invalid number of vCPUs {}: expected 1 to {}", vcpus,
                      kMaxProcessors);
  }
  FloatingPointer pointer;
  pointer.table = static_cast<std::uint32_t>(layout::kMpTable + sizeof(pointer));
  pointer.checksum = checksum(std::as_bytes(std::span(&pointer, 1)));
  if (!memory.write(layout::kMpTable, pointer) ||
      !memory.write_bytes(pointer.table, build_table(vcpus))) {
    return make_error(ErrorCode::kExhausted,
                      "no guest memory at {:#x} for the multiprocessor table", layout::kMpTable);
  }
  return success();
}

}  // namespace bothy::arch
