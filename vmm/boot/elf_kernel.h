// An ELF64 kernel: what its headers want in guest memory, checked before a byte is written.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "memory/guest_memory.h"
#include "vmm/boot/content.h"

namespace bothy::boot {

// One run of the image's bytes, and where they go.
struct ElfPiece {
  std::uint64_t offset = 0;
  std::span<std::byte> to;
};

// Move-only: the pieces point into the notes' buffers.
struct ElfPlan {
  ElfPlan() = default;
  ElfPlan(ElfPlan&&) = default;
  ElfPlan& operator=(ElfPlan&&) = default;
  ElfPlan(const ElfPlan&) = delete;
  ElfPlan& operator=(const ElfPlan&) = delete;
  ~ElfPlan() = default;

  struct Notes {
    std::vector<std::byte> bytes;
    std::size_t alignment = 4;
  };

  std::vector<ElfPiece> pieces;       // whoever has the image fills all of them
  std::vector<MemoryRange> contents;  // of the segments: what comes from the image, no .bss
  std::vector<Notes> notes;
  GuestAddress elf_entry = 0;
  GuestAddress start = 0;        // lowest address of a segment
  GuestAddress end = 0;          // one past the highest, .bss included
  std::uint64_t image_size = 0;  // so much of the image is needed: all pieces lie below
};

// Checks that these first bytes are the header of an x86-64 executable. `name` names the file.
[[nodiscard]] Result<Elf64_Ehdr> check_elf_header(const std::string& name, Bytes head);

// `image_limit`: the size of the image, or the most that may be unpacked of it.
[[nodiscard]] Result<ElfPlan> plan_elf(const std::string& name, const Elf64_Ehdr& header,
                                       std::span<const Elf64_Phdr> segments,
                                       std::uint64_t image_limit, const GuestMemory& memory);

// Once the pieces are filled. The 32-bit entry of the PVH note, if there is one; nothing otherwise.
[[nodiscard]] std::optional<GuestAddress> find_pvh_entry(const ElfPlan& plan);

// True when `text` is in what the image brought into memory of its first segment.
[[nodiscard]] bool has_text(const ElfPlan& plan, std::string_view text) noexcept;

// True when `entry` is within what the image brought into memory.
[[nodiscard]] bool has_code_at(const ElfPlan& plan, GuestAddress entry) noexcept;

}  // namespace bothy::boot
