// Booting: everything that must be in guest memory before the first instruction, except for the
// firmware tables.
//
//   load(request, memory):
//     kernel       -> its own addresses              arch/boot/boot_protocol.h
//     command line -> layout::kCommandLine           command_line.h
//     initrd files -> the top of low RAM             initrd.h
//     boot info    -> where the boot protocol wants  arch/boot/boot_protocol.h
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arch/boot/boot_protocol.h"
#include "arch/vcpu_state.h"
#include "base/result.h"
#include "memory/guest_memory.h"
#include "vmm/boot/command_line.h"

namespace bothy::boot {

// Further defaults of the command line, by whether the kernel contains all of the texts
// (KernelOptions::texts).
struct KernelDependentParameters {
  struct Parameters {
    std::string first;  // CommandLine::add_default()
    std::string last;   // CommandLine::add_last_default()
    friend bool operator==(const Parameters&, const Parameters&) = default;
  };
  std::vector<std::string_view> texts;
  Parameters with;
  Parameters without;
};

struct BootRequest {
  std::string kernel;                // a file's path
  std::vector<std::string> initrds;  // likewise; loaded as one, in this order
  CommandLine command_line;
  KernelDependentParameters parameters;
  GuestAddress firmware = 0;  // of arch::write_firmware_tables(), 0 without tables
  KernelOptions options;
};

struct BootEntry {
  arch::CpuEntry cpu;
  MemoryRange kernel;        // with its .bss, or room to unpack itself
  MemoryRange initrd;        // of size 0 without one
  std::string command_line;  // as the kernel gets it
  bool has_texts = false;    // the kernel contains all texts of the request
  std::string description;   // for people: what was loaded, and how it is entered
};

// Loads everything into fresh memory: all zeros except for what the caller has put below 1 MiB.
// Every file is hostile until checked. Codes: kNotFound and kPermission for a file that can't be
// opened, kBadInput for its content, kInvalid for the command line, kExhausted when guest memory is
// too small. After a failure the memory's content is undefined.
[[nodiscard]] Result<BootEntry> load(const BootRequest& request, GuestMemory& memory);

}  // namespace bothy::boot
