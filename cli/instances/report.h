// How `bothy ps` and `bothy inspect` show instances.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "run/instance.h"

namespace bothy {

struct ShownInstance {
  run::Settings settings;
  run::State state;
};

// A table, for people; `now` is seconds since 1970.
[[nodiscard]] std::string instances_text(const std::vector<ShownInstance>& instances,
                                         std::int64_t now);
[[nodiscard]] boost::json::object instance_json(const ShownInstance& instance);
// What confines the owner of a running microVM, as the kernel has it now: {"missing": [...],
// "threads": [{"thread", "role", "filter", "no-new-privileges", "capabilities", "namespaces",
// "calls"}]}.
[[nodiscard]] boost::json::object sandbox_json(pid_t owner);
// "3 minutes ago"
[[nodiscard]] std::string ago(std::int64_t seconds);

}  // namespace bothy
