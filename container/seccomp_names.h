// Names in seccomp profiles of the OCI form (config-linux.md, Seccomp), and what they stand for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "container/seccomp.h"

namespace bothy::container {

// libseccomp's token of "SCMP_ARCH_X86_64"; nothing for one that it doesn't know.
[[nodiscard]] std::optional<std::uint32_t> seccomp_architecture(std::string_view name);
// SECCOMP_FILTER_FLAG_*; nothing for one that bothy doesn't support.
[[nodiscard]] std::optional<std::uint32_t> seccomp_flag(std::string_view name);
[[nodiscard]] std::optional<SeccompCompare> seccomp_compare(std::string_view name);

// The action with `data`, an errno value or what a tracer gets, which is EPERM for those actions
// that take one unless it is given. kBadInput says what is wrong, without a path.
[[nodiscard]] Result<SeccompAction> seccomp_action(std::string_view name,
                                                   std::optional<std::uint64_t> data);

// The names of this host's architecture in the OCI form and in "arches" of profile files, which
// have Go's; empty for one that bothy doesn't run on.
struct SeccompArchitectureNames {
  std::string_view oci;
  std::string_view go;
};
[[nodiscard]] SeccompArchitectureNames native_architecture_names();

}  // namespace bothy::container
