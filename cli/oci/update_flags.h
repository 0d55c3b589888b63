// Limits as flags of `update`.
#pragma once

#include <map>
#include <string>

#include "base/result.h"

namespace bothy {

// From flags ("--memory") and their texts ("50M", "-1") to JSON in the form of linux.resources; an
// empty text is a flag that isn't given. Ranges are for container::parse_resources() to check.
[[nodiscard]] Result<std::string> resources_of_flags(
    const std::map<std::string, std::string>& given);

}  // namespace bothy
