// Finding: one thing that `bothy doctor` found out about this host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bothy::doctor {

enum class Status {
  kOk,
  kInfo,  // neither good nor bad
  kWarn,  // something that bothy can do without doesn't work, or works worse
  kFail,  // what the group stands for doesn't work
};

enum class Group { kMicrovms, kContainers, kHelpers };

struct Finding {
  std::string id;  // stable: scripts look for it
  Group group = Group::kMicrovms;
  Status status = Status::kOk;
  std::string found;
  std::string meaning;
  std::string remedy;  // empty when there is nothing to mend
};

using Findings = std::vector<Finding>;

[[nodiscard]] std::string_view name(Status status) noexcept;
[[nodiscard]] std::string_view name(Group group) noexcept;

// True when nothing that microVMs need has failed.
[[nodiscard]] bool microvms_can_run(const Findings& findings) noexcept;

}  // namespace bothy::doctor
