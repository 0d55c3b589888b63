// Users of a container, by the names that its own /etc/passwd and /etc/group have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bothy::container {

struct UserIds {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<std::uint32_t> groups;  // additional ones
  std::string home = "/";             // of the user's entry
};

// `text` is USER[:GROUP], names or numbers, as in the OCI image configuration; empty: root. Numbers
// need no entry. Without a group: the user's own from passwd (0 without an entry), and the groups
// that list the user's name as a member. `passwd` and `group` are the contents of the two files,
// hostile and possibly empty. kInvalid for a name without an entry ("no user 'x' in the image's
// /etc/passwd") and a number above 2^32 - 2.
[[nodiscard]] Result<UserIds> find_user(std::string_view text, std::string_view passwd,
                                        std::string_view group);
// The same, from the files of a root directory, a descriptor of which is given: links are followed
// within it, at most 1 MiB of each is read, and what isn't a regular file counts as empty.
[[nodiscard]] Result<UserIds> find_user_in_root(std::string_view text, int root);

}  // namespace bothy::container
