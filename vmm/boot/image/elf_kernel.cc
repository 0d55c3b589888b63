#include "vmm/boot/image/elf_kernel.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "arch/layout.h"

namespace bothy::boot {
namespace {

// Linux has five.
constexpr std::size_t kMaxSegments = 128;
// Linux's notes take some 500 bytes.
constexpr std::uint64_t kMaxNotesSize = 64 * layout::kKiB;
std::string_view machine_name(Elf64_Half machine) noexcept {
  switch (machine) {
    case EM_386:
      return "32-bit x86";
    case EM_AARCH64:
      return "aarch64";
    case EM_ARM:
      return "32-bit Arm";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "PowerPC";
    case EM_S390:
      return "s390";
    default:
      return "another architecture";
  }
}

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

bool within(std::uint64_t start, std::uint64_t size, std::uint64_t limit) noexcept {
  return start <= limit && size <= limit - start;
}

Result<void> check_segment(const std::string& name, std::size_t index, const Elf64_Phdr& segment,
                           std::uint64_t image_limit, const GuestMemory& memory) {
  const auto bad = [&](std::string_view what) {
    return make_error(ErrorCode::kBadInput, "{} is damaged: ELF segment {} {}; get the file again",
                      name, index, what);
  };
  if (segment.p_filesz > segment.p_memsz) {
    return bad("has more bytes in the file than in memory");
  }
  if (!within(segment.p_offset, segment.p_filesz, image_limit)) {
    return bad("lies past the end of the file (is it truncated?)");
  }
  if (segment.p_paddr < layout::kHighMemory) {
    return make_error(ErrorCode::kBadInput,
                      "{}: ELF segment {} has the address {:#x}, below {:#x}, which is reserved "
                      "for the monitor's "
                      "tables; link it at {:#x} or above",
                      name, index, segment.p_paddr, layout::kHighMemory, layout::kHighMemory);
  }
  if (!within(segment.p_paddr, segment.p_memsz, layout::kMmioHoleStart)) {
    return make_error(ErrorCode::kBadInput,
                      "{}: ELF segment {} has {} bytes at address {:#x}, outside the {} GiB of "
                      "RAM that a kernel can be loaded into",
                      name, index, segment.p_memsz, segment.p_paddr,
                      layout::kMmioHoleStart / layout::kGiB);
  }
  if (!memory.contains(segment.p_paddr, segment.p_memsz)) {
    return make_error(ErrorCode::kExhausted,
                      "{} doesn't fit into the guest's {} MiB of memory: its end is at {:#x}; use "
                      "--memory with at "
                      "least {} MiB",
                      name, memory.size() / layout::kMiB, segment.p_paddr + segment.p_memsz,
                      align_up(segment.p_paddr + segment.p_memsz, layout::kMiB) / layout::kMiB);
  }
  return success();
}

Result<void> check_disjoint(const std::string& name, std::vector<MemoryRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const MemoryRange& a, const MemoryRange& b) { return a.start < b.start; });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].start < ranges[i - 1].end()) {
      return make_error(
          ErrorCode::kBadInput,
          "{} is damaged: two of its ELF segments overlap at {:#x}; get the file again", name,
          ranges[i].start);
    }
  }
  return success();
}

void add_piece(ElfPlan& plan, std::uint64_t offset, std::span<std::byte> to) {
  plan.pieces.push_back({offset, to});
  plan.image_size = std::max(plan.image_size, offset + to.size());
}

void plan_notes(ElfPlan& plan, const Elf64_Phdr& segment, std::uint64_t image_limit) {
  if (segment.p_filesz > kMaxNotesSize ||
      !within(segment.p_offset, segment.p_filesz, image_limit)) {
    return;
  }
  // gABI, "Note Section": 8-byte alignment is what a 64-bit p_align of 8 says, 4 everything else.
  plan.notes.push_back({std::vector<std::byte>(static_cast<std::size_t>(segment.p_filesz)),
                        segment.p_align == 8 ? 8U : 4U});
  add_piece(plan, segment.p_offset, plan.notes.back().bytes);
}

}  // namespace

Result<Elf64_Ehdr> check_elf_header(const std::string& name, Bytes head) {
  const auto header = load_at<Elf64_Ehdr>(head, 0);
  if (!header) {
    return make_error(ErrorCode::kBadInput, "{} is truncated: it ends within its ELF header", name);
  }
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != layout::kElfMachine) {
    // e_machine lies at the same place in both classes, but not in the same byte order.
    const bool little = header->e_ident[EI_DATA] == ELFDATA2LSB;
    const auto machine = little ? header->e_machine : __builtin_bswap16(header->e_machine);
    return make_error(
        ErrorCode::kBadInput, "{} is an ELF file for {}, not for {}; give a kernel for {}{}", name,
        machine_name(machine), layout::kMachineName, layout::kMachineName, layout::kElfMachineHint);
  }
  if (header->e_type != ET_EXEC && header->e_type != ET_DYN) {
    return make_error(ErrorCode::kBadInput,
                      "{} is an ELF file but not an executable (an object or a core file?); give "
                      "the linked vmlinux",
                      name);
  }
  if (header->e_phnum == 0 || header->e_phnum > kMaxSegments ||
      header->e_phentsize != sizeof(Elf64_Phdr)) {
    return make_error(ErrorCode::kBadInput,
                      "{} is damaged: its ELF header claims {} segments of {} bytes each", name,
                      header->e_phnum, header->e_phentsize);
  }
  return *header;
}

Result<ElfPlan> plan_elf(const std::string& name, const Elf64_Ehdr& header,
                         std::span<const Elf64_Phdr> segments, std::uint64_t image_limit,
                         const GuestMemory& memory) {
  ElfPlan plan;
  plan.elf_entry = header.e_entry;
  plan.start = layout::kMmioHoleStart;
  std::vector<MemoryRange> ranges;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Elf64_Phdr& segment = segments[i];
    if (segment.p_type == PT_NOTE) {
      plan_notes(plan, segment, image_limit);
    }
    if (segment.p_type != PT_LOAD || segment.p_memsz == 0) {
      continue;
    }
    BOTHY_TRY(check_segment(name, i, segment, image_limit, memory));
    ranges.push_back({segment.p_paddr, segment.p_memsz});
    plan.contents.push_back({segment.p_paddr, segment.p_filesz});
    plan.start = std::min(plan.start, segment.p_paddr);
    plan.end = std::max(plan.end, segment.p_paddr + segment.p_memsz);
    // The rest up to p_memsz (gABI, "Program Header": zeros) is fresh memory already.
    add_piece(plan, segment.p_offset, *memory.slice(segment.p_paddr, segment.p_filesz));
  }
  if (ranges.empty()) {
    return make_error(ErrorCode::kBadInput, "{} is an ELF file with nothing to load", name);
  }
  BOTHY_TRY(check_disjoint(name, std::move(ranges)));
  return plan;
}

bool has_text(const ElfPlan& plan, std::string_view text) noexcept {
  if (plan.pieces.empty() || text.empty()) {
    return false;
  }
  // From the end: constants follow code, and are smaller.
  constexpr std::size_t kStep = layout::kMiB;
  const std::span<std::byte> all = plan.pieces.front().to;
  for (std::size_t end = all.size(); end >= text.size();) {
    const std::size_t start = end - std::min(end, kStep);
    if (::memmem(all.data() + start, end - start, text.data(), text.size()) != nullptr) {
      return true;
    }
    if (start == 0) {
      return false;
    }
    end = start + text.size() - 1;  // a text across the border is whole in the next step
  }
  return false;
}

bool has_code_at(const ElfPlan& plan, GuestAddress entry) noexcept {
  return std::any_of(plan.contents.begin(), plan.contents.end(), [entry](const MemoryRange& range) {
    return entry >= range.start && entry < range.end();
  });
}

}  // namespace bothy::boot
