// Kernel parameters that depend on the architecture: the defaults of every command line, the serial
// console, and how a panic is told from a reboot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "memory/guest_memory.h"

namespace bothy::arch {

// The size of a kernel command line in bytes, without its NUL, where a kernel does not give its own
// limit (x86: COMMAND_LINE_SIZE is 2048).
inline constexpr std::size_t kDefaultCommandLineLimit = 2047;

// What a kernel gets unless the user's command line says otherwise. `tsc_khz`: the frequency of the
// guest's time stamp counters, 0 when unknown.
[[nodiscard]] std::vector<std::string> default_kernel_parameters(std::uint32_t tsc_khz);

// The console= name of the serial port.
inline constexpr std::string_view kSerialConsole = "ttyS0";
// Output to the serial port before any driver is loaded.
inline constexpr std::string_view kEarlyConsole = "earlycon=uart8250,io,0x3f8";
// Keeps the kernel from probing the serial port, which takes about a hundred exits.
inline constexpr std::string_view kNoSerialProbe = "8250.nr_uarts=0";

// True when the guest's kernel has recorded a panic for the reset that it asks for now, which it
// does by default_kernel_parameters().
[[nodiscard]] bool panic_recorded(const GuestMemory& memory) noexcept;

}  // namespace bothy::arch
