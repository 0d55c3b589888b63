// Where compiled seccomp filters are kept.
#pragma once

#include <string>

namespace bothy::oci {

// Nobody but this user may write there; empty: nowhere.
[[nodiscard]] std::string seccomp_cache();

}  // namespace bothy::oci
