// `--isolation container` for the table of kinds of isolation (run/isolations/table.cc).
#pragma once

#include "run/isolation.h"

namespace bothy::run {

[[nodiscard]] const IsolationKind& container_isolation_kind() noexcept;

}  // namespace bothy::run
