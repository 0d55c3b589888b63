// The kinds of isolation that bothy has.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "run/isolation.h"

namespace bothy::run {

[[nodiscard]] std::span<const IsolationKind* const> isolation_kinds() noexcept;

// The names, as in "vm, container".
[[nodiscard]] std::string isolation_names();

// kInvalid for an unknown name.
[[nodiscard]] Result<const IsolationKind*> find_isolation(std::string_view name);

// Ends and removes what an instance whose owner was killed has left, whatever its kind, which may
// not be known.
[[nodiscard]] Result<void> clear_lost_instance(const Instance& instance);

// Checks that every flag which only one kind of isolation has is one of this kind's, then what the
// kind itself checks: kInvalid.
[[nodiscard]] Result<void> validate_isolation(const IsolationKind& kind, const RunOptions& options);

}  // namespace bothy::run
