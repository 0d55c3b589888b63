// An ELF64 kernel: what its headers put into guest memory, checked before a byte is written.
#pragma once

#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "memory/guest_memory.h"
#include "vmm/boot/image/content.h"

namespace bothy::boot {

// A run of the image's bytes, and its destination.
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

  std::vector<ElfPiece> pieces;       // to be filled by the caller
  std::vector<MemoryRange> contents;  // of the segments: what comes from the image, no .bss
  std::vector<Notes> notes;
  GuestAddress elf_entry = 0;
  GuestAddress start = 0;        // lowest address of a segment
  GuestAddress end = 0;          // one past the highest, .bss included
  std::uint64_t image_size = 0;  // the part of the image that is needed: all pieces lie below
};

// Checks that these first bytes are the header of an executable for this architecture. `name` is
// the file's, for errors.
[[nodiscard]] Result<Elf64_Ehdr> check_elf_header(const std::string& name, Bytes head);

// `image_limit`: the size of the image, or the maximum that may be unpacked of it.
[[nodiscard]] Result<ElfPlan> plan_elf(const std::string& name, const Elf64_Ehdr& header,
                                       std::span<const Elf64_Phdr> segments,
                                       std::uint64_t image_limit, const GuestMemory& memory);

// True when the first segment, as loaded, contains `text`.
[[nodiscard]] bool has_text(const ElfPlan& plan, std::string_view text) noexcept;

// True when `entry` is within a segment's loaded bytes.
[[nodiscard]] bool has_code_at(const ElfPlan& plan, GuestAddress entry) noexcept;

}  // namespace bothy::boot
