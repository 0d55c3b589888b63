// Capabilities of processes (capabilities(7)), by their names and bits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bothy::container {

// A bit for each capability: 1 << CAP_*.
using Capabilities = std::uint64_t;

struct CapabilitySets {
  Capabilities bounding = 0;
  Capabilities effective = 0;
  Capabilities inheritable = 0;
  Capabilities permitted = 0;
  Capabilities ambient = 0;
};

// "CAP_CHOWN", "cap_chown" or "chown"; kInvalid for a name that isn't one.
[[nodiscard]] Result<Capabilities> parse_capability(std::string_view name);
// "CAP_CHOWN", in order of the bits.
[[nodiscard]] std::vector<std::string> capability_names(Capabilities set);

// All that bothy knows the names of.
[[nodiscard]] Capabilities all_capabilities() noexcept;
// Those that this process and the ones that it starts can have: the bounding set (capabilities(7)).
[[nodiscard]] Capabilities own_capabilities() noexcept;
// Leaves out of all sets what this process hasn't in its permitted one, and so can't grant but to a
// user namespace. Sets within those that containers usually get are left alone.
void leave_out_missing(CapabilitySets& sets) noexcept;
// Those of a container unless its user adds or drops some: Podman's, which are Docker's without
// MKNOD, NET_RAW and AUDIT_WRITE.
[[nodiscard]] Capabilities default_capabilities() noexcept;

// `base` with --cap-add and --cap-drop applied as Docker does: "ALL" stands for `all`. An added
// capability wins over a dropped one, but for an added "ALL". kInvalid for an unknown name.
[[nodiscard]] Result<Capabilities> change_capabilities(Capabilities base,
                                                       const std::vector<std::string>& added,
                                                       const std::vector<std::string>& dropped,
                                                       Capabilities all = all_capabilities());

}  // namespace bothy::container
