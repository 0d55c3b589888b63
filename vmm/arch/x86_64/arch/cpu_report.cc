#include "arch/cpu_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

namespace bothy::arch {
namespace {

constexpr std::uint64_t kCr0Protected = 1ULL << 0U;
constexpr std::uint64_t kCr0Paging = 1ULL << 31U;
constexpr std::uint64_t kCr4PageSizeExtension = 1ULL << 4U;
constexpr std::uint64_t kCr4Pae = 1ULL << 5U;
constexpr std::uint64_t kCr4La57 = 1ULL << 12U;
constexpr std::uint64_t kEferLongModeActive = 1ULL << 10U;
constexpr std::uint64_t kPresent = 1;
constexpr std::uint64_t kLarge = 1ULL << 7U;
constexpr std::uint64_t kAddressMask = 0x000ffffffffff000ULL;

// One way to translate an address: the tables from the top to the page (AMD64 manual, volume 2, 5.2
// and 5.3).
struct PagingMode {
  const char* name;
  unsigned levels;
  unsigned entry_bytes;
  unsigned bits_per_level;
  std::array<const char*, 5> level_names;  // from the top
};

constexpr PagingMode kFiveLevel{"5-level", 5, 8, 9, {"PML5E", "PML4E", "PDPTE", "PDE", "PTE"}};
constexpr PagingMode kFourLevel{"4-level", 4, 8, 9, {"PML4E", "PDPTE", "PDE", "PTE", ""}};
constexpr PagingMode kPae{"PAE", 3, 8, 9, {"PDPTE", "PDE", "PTE", "", ""}};
constexpr PagingMode kTwoLevel{"32-bit", 2, 4, 10, {"PDE", "PTE", "", "", ""}};

const PagingMode& paging_mode(const kvm_sregs& sregs) {
  if ((sregs.efer & kEferLongModeActive) != 0) {
    return (sregs.cr4 & kCr4La57) != 0 ? kFiveLevel : kFourLevel;
  }
  return (sregs.cr4 & kCr4Pae) != 0 ? kPae : kTwoLevel;
}

std::optional<std::uint64_t> read_entry(const GuestMemory& memory, GuestAddress address,
                                        unsigned bytes) {
  if (bytes == 8) {
    return memory.read<std::uint64_t>(address);
  }
  const auto entry = memory.read<std::uint32_t>(address);
  return entry ? std::optional<std::uint64_t>(*entry) : std::nullopt;
}

bool is_large(const PagingMode& mode, unsigned level, std::uint64_t entry, const kvm_sregs& sregs) {
  const unsigned below = mode.levels - level - 1;  // table levels under this one
  if (below == 0 || (entry & kLarge) == 0) {
    return false;
  }
  if (&mode == &kTwoLevel) {
    return (sregs.cr4 & kCr4PageSizeExtension) != 0;
  }
  // 2 MiB pages in every 64-bit format, 1 GiB pages in long mode only.
  return below == 1 || (below == 2 && &mode != &kPae);
}

// Appends the walk to `out`; returns the physical address when there is one.
std::optional<GuestAddress> walk(std::string& out, std::uint64_t linear, const kvm_sregs& sregs,
                                 const GuestMemory& memory) {
  const PagingMode& mode = paging_mode(sregs);
  auto to = std::back_inserter(out);
  fmt::format_to(to, "  page walk of {:#x} ({} paging):\n", linear, mode.name);
  GuestAddress table = sregs.cr3 & (&mode == &kPae ? 0xffffffe0ULL : kAddressMask);
  for (unsigned level = 0; level < mode.levels; ++level) {
    const unsigned shift = 12 + mode.bits_per_level * (mode.levels - level - 1);
    const std::uint64_t index_mask =
        (&mode == &kPae && level == 0) ? 0x3 : (1ULL << mode.bits_per_level) - 1;
    const GuestAddress slot = table + ((linear >> shift) & index_mask) * mode.entry_bytes;
    const auto entry = read_entry(memory, slot, mode.entry_bytes);
    const char* name = mode.level_names.at(level);
    if (!entry) {
      fmt::format_to(to, "    {:<5} at {:#x}: not RAM\n", name, slot);
      return std::nullopt;
    }
    fmt::format_to(to, "    {:<5} at {:#x} = {:#018x}{}\n", name, slot, *entry,
                   (*entry & kPresent) == 0 ? " (not present)" : "");
    if ((*entry & kPresent) == 0) {
      return std::nullopt;
    }
    const std::uint64_t page_mask = (1ULL << shift) - 1;
    if (level + 1 == mode.levels || is_large(mode, level, *entry, sregs)) {
      return ((*entry & kAddressMask) & ~page_mask) | (linear & page_mask);
    }
    table = *entry & kAddressMask;
  }
  return std::nullopt;
}

void append_bytes(std::string& out, GuestAddress physical, const GuestMemory& memory) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "  bytes at rip (physical {:#x}):", physical);
  for (GuestAddress address = physical; address < physical + 16; ++address) {
    const auto byte = memory.read<std::uint8_t>(address);
    if (!byte) {
      out += address == physical ? " not RAM" : " ...";
      return;
    }
    fmt::format_to(to, " {:02x}", *byte);
  }
}

const char* mode_name(const kvm_sregs& sregs) {
  if ((sregs.cr0 & kCr0Protected) == 0) {
    return "real mode";
  }
  if ((sregs.efer & kEferLongModeActive) != 0) {
    return sregs.cs.l != 0 ? "64-bit mode" : "compatibility mode";
  }
  return (sregs.cr0 & kCr0Paging) != 0 ? "protected mode with paging" : "protected mode";
}

}  // namespace

bool is_reset_state(const kvm_regs& regs, const kvm_sregs& sregs) noexcept {
  return regs.rip == 0xfff0 && sregs.cs.selector == 0xf000 && (sregs.cr0 & kCr0Protected) == 0;
}

std::string describe_cpu(const kvm_regs& regs, const kvm_sregs& sregs, const GuestMemory& memory) {
  std::string out;
  auto to = std::back_inserter(out);
  fmt::format_to(to, "  rip {:016x}  rsp {:016x}  rflags {:08x}  {}, cpl {}\n", regs.rip, regs.rsp,
                 regs.rflags, mode_name(sregs), unsigned{sregs.ss.dpl});
  fmt::format_to(to, "  rax {:016x}  rbx {:016x}  rcx {:016x}  rdx {:016x}\n", regs.rax, regs.rbx,
                 regs.rcx, regs.rdx);
  fmt::format_to(to, "  rsi {:016x}  rdi {:016x}  rbp {:016x}  r8  {:016x}\n", regs.rsi, regs.rdi,
                 regs.rbp, regs.r8);
  fmt::format_to(to, "  r9  {:016x}  r10 {:016x}  r11 {:016x}  r12 {:016x}\n", regs.r9, regs.r10,
                 regs.r11, regs.r12);
  fmt::format_to(to, "  r13 {:016x}  r14 {:016x}  r15 {:016x}\n", regs.r13, regs.r14, regs.r15);
  fmt::format_to(to, "  cr0 {:08x}  cr2 {:016x}  cr3 {:016x}  cr4 {:08x}  efer {:05x}\n", sregs.cr0,
                 sregs.cr2, sregs.cr3, sregs.cr4, sregs.efer);
  fmt::format_to(to, "  cs {:04x} base {:x}  ss {:04x}  gdt {:x}/{:x}  idt {:x}/{:x}\n",
                 sregs.cs.selector, sregs.cs.base, sregs.ss.selector, sregs.gdt.base,
                 sregs.gdt.limit, sregs.idt.base, sregs.idt.limit);

  const std::uint64_t linear = sregs.cs.base + regs.rip;
  std::optional<GuestAddress> physical = linear;
  if ((sregs.cr0 & kCr0Paging) != 0) {
    physical = walk(out, linear, sregs, memory);
  }
  if (physical) {
    append_bytes(out, *physical, memory);
  } else {
    out += "  bytes at rip: not mapped";
  }
  return out;
}

}  // namespace bothy::arch
