// User namespaces without a process in them, to be joined and to be the mapping of idmapped mounts.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/spec.h"

namespace bothy::container {

// Makes a user namespace with these mappings, which a child of this process holds until the
// descriptor is there. The calling process must have one thread. Errors: kUnsupported where user
// namespaces are disabled, with the remedy; kPermission for ids that this user may not map.
[[nodiscard]] Result<UniqueFd> make_user_namespace(const IdMappings& mappings);

}  // namespace bothy::container
