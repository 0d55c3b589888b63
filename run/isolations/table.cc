#include "run/isolations/table.h"

#include <algorithm>
#include <array>

#include "base/files.h"
#include "run/container/prepare.h"
#include "run/vm/prepare.h"

namespace bothy::run {

std::span<const IsolationKind* const> isolation_kinds() noexcept {
  static const std::array kIsolations{
      &vm_isolation_kind(),
      &container_isolation_kind(),
  };
  return kIsolations;
}

std::string isolation_names() {
  std::string names;
  for (const IsolationKind* kind : isolation_kinds()) {
    names += (names.empty() ? "" : ", ") + std::string(kind->name);
  }
  return names;
}

Result<const IsolationKind*> find_isolation(std::string_view name) {
  for (const IsolationKind* kind : isolation_kinds()) {
    if (kind->name == name) {
      return kind;
    }
  }
  return make_error(ErrorCode::kInvalid, "--isolation: unknown isolation '{}': expected {}",
                    printable(name), isolation_names());
}

Result<void> clear_lost_instance(const Instance& instance) {
  for (const IsolationKind* kind : isolation_kinds()) {
    if (kind->clear_lost != nullptr) {
      BOTHY_TRY(kind->clear_lost(instance));
    }
  }
  return success();
}

Result<void> validate_isolation(const IsolationKind& kind, const RunOptions& options) {
  for (const auto& [flag, value] : options.isolation_flags) {
    if (std::ranges::count(kind.flags, flag, &IsolationFlag::name) == 0) {
      return make_error(ErrorCode::kInvalid, "{}: not available with --isolation {}", flag,
                        kind.name);
    }
  }
  return kind.validate(options);
}

}  // namespace bothy::run
