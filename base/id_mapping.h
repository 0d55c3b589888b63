// Mappings of user and group ids between a user namespace and its parent (user_namespaces(7)).
#pragma once

#include <cstdint>
#include <vector>

namespace bothy {

// A range of ids of a user namespace.
struct IdMapping {
  std::uint32_t container = 0;
  std::uint32_t host = 0;
  std::uint32_t size = 0;

  bool operator==(const IdMapping&) const noexcept = default;
};

struct IdMappings {
  std::vector<IdMapping> users;
  std::vector<IdMapping> groups;

  [[nodiscard]] bool empty() const noexcept { return users.empty() && groups.empty(); }
  bool operator==(const IdMappings&) const noexcept = default;
};

}  // namespace bothy
