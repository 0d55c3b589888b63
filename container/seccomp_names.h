// Names in seccomp profiles of the OCI form (config-linux.md, Seccomp), and what they stand for.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

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

// All names of actions, of flags and of comparisons that bothy knows.
[[nodiscard]] std::vector<std::string_view> seccomp_action_names();
[[nodiscard]] std::vector<std::string_view> seccomp_flag_names();
[[nodiscard]] std::vector<std::string_view> seccomp_compare_names();
// The names of architectures that libseccomp has.
[[nodiscard]] std::vector<std::string_view> seccomp_architecture_names();

// The names of this host's architecture in the OCI form and in "arches" of profile files, which
// have Go's; empty for one that bothy doesn't run on.
struct SeccompArchitectureNames {
  std::string_view oci;
  std::string_view go;
};
[[nodiscard]] SeccompArchitectureNames native_architecture_names();

}  // namespace bothy::container
