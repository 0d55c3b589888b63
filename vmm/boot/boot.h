// Booting: everything that must lie in guest memory before the first instruction, but for the ACPI
// tables and what the processor itself wants (GDT, page tables).
//
//   load(request, memory):
//     kernel        -> at its own addresses, 1 MiB and above        kernel.h, elf_kernel.h,
//     bzimage.h command line  -> layout::kCommandLine                         command_line.h initrd
//     files  -> at the top of low RAM                        initrd.h boot info     ->
//     layout::kStartInfo or layout::kZeroPage      boot_info.h
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "memory/guest_memory.h"
#include "vmm/boot/command_line.h"
#include "vmm/boot/kernel.h"

namespace bothy::boot {

// More of the command line's defaults, by whether the kernel holds a text (KernelOptions::text).
struct KernelDependentWords {
  struct Words {
    std::string first;  // CommandLine::add_default()
    std::string last;   // CommandLine::add_last_default()
    friend bool operator==(const Words&, const Words&) = default;
  };
  std::string_view text;
  Words with;
  Words without;
};

struct BootRequest {
  std::string kernel;                // a file's path
  std::vector<std::string> initrds;  // likewise; loaded as one, in this order
  CommandLine command_line;
  KernelDependentWords words;
  GuestAddress rsdp = 0;  // where the ACPI tables' root is, 0 without
  KernelOptions options;
};

// What the boot processor must be given.
struct BootEntry {
  EntryProtocol protocol = EntryProtocol::kPvh;
  GuestAddress entry = 0;      // the instruction pointer
  GuestAddress boot_info = 0;  // PVH: ebx, the start_info; Linux: rsi, the zero page
  MemoryRange kernel;          // with its .bss, or room to unpack itself
  MemoryRange initrd;          // of size 0 when there is none
  std::string command_line;    // as the kernel gets it
  bool has_text = false;       // the kernel holds the text asked for
  std::string description;     // for people: what was loaded, and how it is entered
};

// Loads everything into fresh memory: all zeros but for what the caller put below 1 MiB. Every file
// is hostile until checked. Codes: kNotFound and kPermission for a file that can't be opened,
// kBadImage for its content, kInvalid for the command line, kExhausted when guest memory is too
// small. When it fails the memory's content is undefined.
[[nodiscard]] Result<BootEntry> load(const BootRequest& request, GuestMemory& memory);

}  // namespace bothy::boot
