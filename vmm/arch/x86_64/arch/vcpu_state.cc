#include "arch/vcpu_state.h"

#include <array>
#include <cstring>

#include "arch/layout.h"

namespace bothy::arch {
namespace {

// The selectors that the Linux boot protocol names __BOOT_CS and __BOOT_DS, with a TSS behind them
// (Linux, Documentation/x86/boot.rst, "32-bit boot protocol"; PVH asks for the same flat segments).
constexpr std::uint16_t kCodeSelector = 0x10;
constexpr std::uint16_t kDataSelector = 0x18;
constexpr std::uint16_t kTaskSelector = 0x20;

constexpr std::uint8_t kTypeCode = 0xb;  // execute/read, accessed
constexpr std::uint8_t kTypeData = 0x3;  // read/write, accessed
constexpr std::uint8_t kTypeTask = 0xb;  // 32-bit TSS, busy

// Control register and EFER bits (AMD64 manual, volume 2, 3.1).
constexpr std::uint64_t kCr0ProtectedMode = 1ULL << 0U;
constexpr std::uint64_t kCr0ExtensionType = 1ULL << 4U;
constexpr std::uint64_t kCr0Paging = 1ULL << 31U;
constexpr std::uint64_t kCr4Pae = 1ULL << 5U;
constexpr std::uint64_t kEferLongModeEnable = 1ULL << 8U;
constexpr std::uint64_t kEferLongModeActive = 1ULL << 10U;

constexpr std::uint64_t kPagePresentWritable = 0x3;
constexpr std::uint64_t kPageLarge = 1ULL << 7U;
constexpr std::uint64_t kPageSize = 4096;
constexpr std::uint64_t kLargePageSize = 2 * layout::kMiB;
constexpr std::uint64_t kEntriesPerTable = 512;
constexpr std::uint64_t kMappedGib = 4;

kvm_segment flat_segment(std::uint16_t selector, std::uint8_t type, bool long_mode) noexcept {
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.selector = selector;
  segment.type = type;
  segment.present = 1;
  segment.s = 1;
  segment.g = 1;
  segment.l = long_mode ? 1 : 0;
  segment.db = long_mode ? 0 : 1;
  return segment;
}

kvm_segment task_segment() noexcept {
  kvm_segment segment{};
  segment.limit = 0x67;
  segment.selector = kTaskSelector;
  segment.type = kTypeTask;
  segment.present = 1;
  return segment;
}

// A descriptor as the processor reads it from memory (AMD64 manual, volume 2, 4.7).
std::uint64_t descriptor(const kvm_segment& segment) noexcept {
  const std::uint64_t limit = segment.g != 0 ? segment.limit >> 12U : segment.limit;
  const std::uint64_t flags = static_cast<std::uint64_t>(segment.type) |
                              (static_cast<std::uint64_t>(segment.s) << 4U) |
                              (static_cast<std::uint64_t>(segment.present) << 7U) |
                              (static_cast<std::uint64_t>(segment.l) << 13U) |
                              (static_cast<std::uint64_t>(segment.db) << 14U) |
                              (static_cast<std::uint64_t>(segment.g) << 15U);
  return (limit & 0xffffU) | ((limit & 0xf0000U) << 32U) | (flags << 40U);
}

Error low_memory_error() {
  return Error{ErrorCode::kInvalid,
               "the guest has too little memory for its boot tables; give it at least 2 MiB"};
}

Result<void> write_page_tables(GuestMemory& memory) {
  constexpr GuestAddress kPml4 = layout::kPageTables;
  constexpr GuestAddress kPdpt = kPml4 + kPageSize;
  constexpr GuestAddress kDirectories = kPdpt + kPageSize;

  bool fits = memory.write<std::uint64_t>(kPml4, kPdpt | kPagePresentWritable);
  for (std::uint64_t gib = 0; gib < kMappedGib; ++gib) {
    const GuestAddress directory = kDirectories + gib * kPageSize;
    fits &= memory.write<std::uint64_t>(kPdpt + gib * 8, directory | kPagePresentWritable);
    std::array<std::uint64_t, kEntriesPerTable> entries{};
    for (std::uint64_t i = 0; i < kEntriesPerTable; ++i) {
      entries.at(i) = (gib * layout::kGiB + i * kLargePageSize) | kPagePresentWritable | kPageLarge;
    }
    fits &= memory.write(directory, entries);
  }
  if (!fits) {
    return low_memory_error();
  }
  return success();
}

}  // namespace

Result<void> write_boot_tables(GuestMemory& memory, EntryProtocol protocol) {
  const bool long_mode = protocol == EntryProtocol::kLinux64;
  const std::array<std::uint64_t, 6> gdt{
      0,
      0,
      descriptor(flat_segment(kCodeSelector, kTypeCode, long_mode)),
      descriptor(flat_segment(kDataSelector, kTypeData, false)),
      descriptor(task_segment()),
      0,  // a TSS descriptor is two entries long in long mode
  };
  if (!memory.write(layout::kGdt, gdt)) {
    return low_memory_error();
  }
  if (long_mode) {
    return write_page_tables(memory);
  }
  return success();
}

kvm_regs boot_registers(const CpuEntry& entry) noexcept {
  kvm_regs regs{};
  regs.rip = entry.address;
  (entry.protocol == EntryProtocol::kPvh ? regs.rbx : regs.rsi) = entry.boot_info;
  regs.rflags = 0x2;  // bit 1 is always set; interrupts off, as every protocol asks
  return regs;
}

kvm_sregs boot_system_registers(kvm_sregs sregs, EntryProtocol protocol) noexcept {
  const bool long_mode = protocol == EntryProtocol::kLinux64;
  const kvm_segment data = flat_segment(kDataSelector, kTypeData, false);
  sregs.cs = flat_segment(kCodeSelector, kTypeCode, long_mode);
  sregs.ds = data;
  sregs.es = data;
  sregs.fs = data;
  sregs.gs = data;
  sregs.ss = data;
  sregs.tr = task_segment();
  sregs.gdt.base = layout::kGdt;
  sregs.gdt.limit = 6 * sizeof(std::uint64_t) - 1;
  sregs.idt.base = 0;
  sregs.idt.limit = 0;
  sregs.cr0 = kCr0ProtectedMode | kCr0ExtensionType;
  sregs.cr4 = 0;
  if (long_mode) {
    sregs.cr3 = layout::kPageTables;
    sregs.cr4 = kCr4Pae;
    sregs.cr0 |= kCr0Paging;
    sregs.efer |= kEferLongModeEnable | kEferLongModeActive;
  }
  return sregs;
}

kvm_fpu initial_fpu() noexcept {
  kvm_fpu fpu{};
  fpu.fcw = 0x37f;     // FINIT
  fpu.mxcsr = 0x1f80;  // the value after reset
  return fpu;
}

std::vector<kvm_msr_entry> initial_msrs() {
  constexpr std::uint32_t kMiscEnable = 0x1a0;
  constexpr std::uint64_t kFastStrings = 1;
  constexpr std::uint32_t kMtrrDefType = 0x2ff;
  // MTRRs on, write-back where none says otherwise: without it a guest may map its RAM uncached.
  constexpr std::uint64_t kMtrrEnableWriteBack = (1ULL << 11U) | 6;
  const auto msr = [](std::uint32_t index, std::uint64_t value) {
    kvm_msr_entry entry{};
    entry.index = index;
    entry.data = value;
    return entry;
  };
  return {msr(kMiscEnable, kFastStrings), msr(kMtrrDefType, kMtrrEnableWriteBack)};
}

void set_initial_lapic(kvm_lapic_state& lapic) noexcept {
  // Register offsets and delivery modes: AMD64 manual, volume 2, 16.3 and 16.4.
  constexpr std::size_t kLvtLint0 = 0x350;
  constexpr std::size_t kLvtLint1 = 0x360;
  const auto set_mode = [&lapic](std::size_t offset, std::uint32_t mode) {
    std::uint32_t value = 0;
    std::memcpy(&value, &lapic.regs[offset], sizeof(value));
    value = (value & ~(0x7U << 8U)) | (mode << 8U);
    std::memcpy(&lapic.regs[offset], &value, sizeof(value));
  };
  set_mode(kLvtLint0, 7);  // ExtINT
  set_mode(kLvtLint1, 4);  // NMI
}

}  // namespace bothy::arch
