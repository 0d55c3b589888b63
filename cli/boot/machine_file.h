// The machine file of --config: what flags would say, as one JSON object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bothy {

// A file is at most this large.
inline constexpr std::size_t kMachineFileMax = 1U << 20U;

// The flags that a machine file stands for. Each member is a flag's name without its dashes, and
// its value what the flag gets: a text, a number, true for a flag without a value (false: not
// given), an array for a flag given several times, or an object for the keys of one device:
//
//   {"kernel": "vmlinux", "cpus": 2, "rng": true, "disk": [{"path": "root.img", "ro": true}]}
//
// An empty text is as if it were not there. kInvalid, with the member's name, for anything else.
[[nodiscard]] Result<std::vector<std::string>> machine_file_flags(std::string_view json);

// `arguments` with every "--config FILE" after the subcommand replaced by the flags of that file.
// They go before all others: of a flag that is given once, the command line's own wins; one that
// may be given several times adds to the file's.
[[nodiscard]] Result<std::vector<std::string>> expand_machine_files(
    std::vector<std::string> arguments);

}  // namespace bothy
