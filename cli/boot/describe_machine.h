// What `--dry-run` prints: the machine that flags and machine files stand for.
#pragma once

#include <boost/json/object.hpp>

#include "cli/boot/options.h"

namespace bothy {

// Every choice, defaults included, as the members of a machine file: `--config` of it gives the
// same machine.
[[nodiscard]] boost::json::object describe_machine(const BootOptions& options);

}  // namespace bothy
