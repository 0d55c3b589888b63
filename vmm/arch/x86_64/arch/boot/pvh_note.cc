#include "arch/boot/pvh_note.h"

#include <cstring>
#include <string_view>

namespace bothy::boot {
namespace {

// Xen's public elfnote.h: a 32-bit entry point, entered as docs/misc/pvh.pandoc says.
constexpr Elf64_Word kXenNotePhys32Entry = 18;
constexpr std::string_view kXenNoteName{"Xen\0", 4};

constexpr std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) noexcept {
  return (value + alignment - 1) & ~(alignment - 1);
}

// The PVH entry in one note segment (gABI, "Note Section").
std::optional<GuestAddress> find_pvh_entry(const ElfPlan::Notes& notes) {
  const Bytes bytes(notes.bytes);
  std::size_t at = 0;
  // Sizes in a note are 32 bits and the buffer is small: no sum here wraps.
  while (const auto note = load_at<Elf64_Nhdr>(bytes, at)) {
    const std::size_t name = at + sizeof(*note);
    const std::size_t value = align_up(name + note->n_namesz, notes.alignment);
    const std::size_t end = value + note->n_descsz;
    if (end > bytes.size()) {
      return std::nullopt;
    }
    if (note->n_type == kXenNotePhys32Entry && note->n_namesz == kXenNoteName.size() &&
        std::memcmp(bytes.data() + name, kXenNoteName.data(), kXenNoteName.size()) == 0) {
      // Linux writes 8 bytes, other kernels 4.
      if (note->n_descsz >= sizeof(std::uint64_t)) {
        return load_at<std::uint64_t>(bytes, value);
      }
      return load_at<std::uint32_t>(bytes, value);
    }
    at = align_up(end, notes.alignment);
  }
  return std::nullopt;
}

}  // namespace

std::optional<GuestAddress> find_pvh_entry(const ElfPlan& plan) {
  for (const ElfPlan::Notes& notes : plan.notes) {
    if (const auto entry = find_pvh_entry(notes)) {
      return entry;
    }
  }
  return std::nullopt;
}

}  // namespace bothy::boot
