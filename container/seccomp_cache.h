// Compiled seccomp filters in a directory, each in a file named by the hash of what it was compiled
// from. A file holds that hash, the hash of the program, and the program.
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "container/seccomp.h"

namespace bothy::container {

// A SHA-256.
using SeccompKey = std::array<std::uint8_t, 32>;

// Of all that the program for `profile` depends on: the profile, the architecture, libseccomp, and
// how bothy compiles.
[[nodiscard]] SeccompKey seccomp_key(const SeccompProfile& profile);

// Nothing if there is no file for `key`, or one that is damaged, not this user's, or writable by
// others.
[[nodiscard]] std::optional<std::vector<sock_filter>> load_seccomp(const std::string& directory,
                                                                   const SeccompKey& key);
// Replaces the file for `key`, and creates the directory with mode 0700 if need be. A failure is
// silent: the program is then compiled again the next time.
void store_seccomp(const std::string& directory, const SeccompKey& key,
                   const std::vector<sock_filter>& program);

}  // namespace bothy::container
