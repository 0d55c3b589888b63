// Host: what a figure depends on besides its subject, as far as the host says.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy::bench {

// How guests run here. The command line finds it out as `bothy doctor` does.
enum class HostClass {
  kBare,      // hardware virtualization, on hardware
  kNested,    // hardware virtualization, in a virtual machine
  kEmulated,  // the processor itself is emulated: times of guests say nothing
  kNone,      // no Linux guest runs
};
[[nodiscard]] std::string_view name_of(HostClass host_class) noexcept;
[[nodiscard]] HostClass host_class_of(std::string_view name) noexcept;  // kNone for what is no name

// The facts by name, as the kernel shows them; those that it doesn't show are left out.
[[nodiscard]] std::map<std::string, std::string> host_facts();
// The processor time that other guests of this host's own host took, in ticks since the start.
[[nodiscard]] std::uint64_t steal_ticks();
// Bytes that new programs could use (proc(5), meminfo, MemAvailable).
[[nodiscard]] std::uint64_t available_memory();
[[nodiscard]] std::uint64_t total_memory();
// A TCP port of 127.0.0.1 that nobody has now.
[[nodiscard]] Result<unsigned> free_port();
// "YYYY-MM-DDTHH:MM:SSZ"
[[nodiscard]] std::string time_of_day();

// The first line of a file of /proc or /sys; "" when it can't be read.
[[nodiscard]] std::string first_line(const std::string& path);
// All of it.
[[nodiscard]] std::string file_text(const std::string& path);
// The number in a line "NAME: NUMBER kB" of `text`, in bytes; 0 without it.
[[nodiscard]] std::uint64_t kibibytes_field(std::string_view text, std::string_view name) noexcept;

}  // namespace bothy::bench
