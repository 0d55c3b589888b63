// Finding: one result of `bothy doctor`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bothy::doctor {

enum class Status {
  kOk,
  kInfo,  // neither good nor bad
  kWarn,  // an optional feature doesn't work, or works less well
  kFail,  // the group's purpose fails: microVMs, containers, an engine's containers
};

enum class Group { kMicrovms, kContainers, kHelpers, kEngines };

struct Finding {
  std::string id;  // stable, for scripts
  Group group = Group::kMicrovms;
  Status status = Status::kOk;
  std::string found;
  std::string meaning;
  std::string remedy;  // lines; empty when nothing needs to be done
};

using Findings = std::vector<Finding>;

[[nodiscard]] std::string_view name(Status status) noexcept;
[[nodiscard]] std::string_view name(Group group) noexcept;

// True when no finding of Group::kMicrovms has failed.
[[nodiscard]] bool microvms_can_run(const Findings& findings) noexcept;
// True when each container engine that is installed can use bothy, and one is.
[[nodiscard]] bool engines_are_set_up(const Findings& findings) noexcept;

}  // namespace bothy::doctor
