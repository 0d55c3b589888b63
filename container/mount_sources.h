// The sources of a container's bind mounts, opened on the host's side.
#pragma once

#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/spec.h"

namespace bothy::container {

// A detached mount of the source of a bind mount, idmapped if the mount's options ask for it.
// Errors as below.
[[nodiscard]] Result<UniqueFd> open_mount_source(const Mount& mount, int user_namespace);

// For LaunchOptions::mount_sources: detached mounts by the index of their mount, those of other
// kinds empty. Only root can make them; they need no access by the container's users to the
// directories above. `user_namespace`: of idmapped mounts. kUnsupported, naming --userns, for a
// file system whose ids can't be mapped.
[[nodiscard]] Result<std::vector<UniqueFd>> open_mount_sources(const OciSpec& spec,
                                                               int user_namespace);

}  // namespace bothy::container
