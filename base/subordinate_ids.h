// Ids that an ordinary user may map into user namespaces, beside the user's own: subuid(5),
// subgid(5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/id_mapping.h"
#include "base/result.h"

namespace bothy {

struct IdRange {
  std::uint32_t start = 0;
  std::uint32_t size = 0;

  bool operator==(const IdRange&) const noexcept = default;
};

// The ranges in a text in the form of /etc/subuid that belong to the user, who has the name or the
// number, or to any user where the name is empty. Damaged lines are ignored.
[[nodiscard]] std::vector<IdRange> parse_subordinate_ids(std::string_view text,
                                                         std::string_view name, std::uint32_t id);

// A user and the subordinate ids that can be mapped.
struct UserIdRanges {
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  std::vector<IdRange> users;  // both are empty where either is, or newuidmap(1) isn't installed
  std::vector<IdRange> groups;

  // This process's user.
  [[nodiscard]] static UserIdRanges find();

  // Root of the namespace is the user, the subordinate ids follow from 1 on.
  [[nodiscard]] IdMappings root_mappings() const;
  // The user's ids are the same in the namespace, and the subordinate ids are around them, as
  // Podman's keep-id has it.
  [[nodiscard]] IdMappings same_id_mappings() const;
};

// All ranges of all users of this host, of both files.
[[nodiscard]] std::vector<IdRange> all_subordinate_ids();

}  // namespace bothy
