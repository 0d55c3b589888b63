// What this runtime can do, and a config.json to begin with.
#pragma once

#include <boost/json/object.hpp>
#include <string_view>

namespace bothy::oci {

// The last version of the runtime specification that is implemented.
inline constexpr std::string_view kSpecVersion = "1.2.0";

// runtime-spec, features.md and features-linux.md.
[[nodiscard]] boost::json::object features(std::string_view version);

// The config.json of `spec`, as other runtimes write it: a shell with a terminal. `rootless`: for
// the user whose ids are given, in a user namespace, with the host's network.
struct SpecUser {
  bool rootless = false;
  unsigned user = 0;
  unsigned group = 0;
};
[[nodiscard]] boost::json::object default_spec(const SpecUser& user);

}  // namespace bothy::oci
