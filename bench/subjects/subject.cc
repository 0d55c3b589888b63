#include "bench/subjects/subject.h"

namespace bothy::bench {

std::string_view name_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::kProcess:
      return "process";
    case Kind::kContainer:
      return "container";
    case Kind::kVm:
      return "vm";
  }
  return "";
}

std::string_view name_of(Place place) noexcept {
  switch (place) {
    case Place::kRoot:
      return "root";
    case Place::kVolume:
      return "volume";
    case Place::kDisk:
      return "disk";
  }
  return "";
}

Result<void> Subject::prepare(const Bench& /*bench*/, const Workspace& /*workspace*/) {
  return success();
}
Result<void> Subject::clean(const Bench& /*bench*/, const Workspace& /*workspace*/) {
  return success();
}
Result<std::optional<Subject::Published>> Subject::run_published(const Workspace& /*workspace*/,
                                                                 const std::string& /*id*/,
                                                                 unsigned /*port*/) const {
  return std::nullopt;
}
Result<Invocation> Subject::run_writing(const Workspace& /*workspace*/, const std::string& /*id*/,
                                        Place place, const ProbeCommand& /*probe*/) const {
  return make_error(ErrorCode::kUnsupported,
                    "{}: no {} to write to: its adapter has the image's disk alone, read-only",
                    name(), name_of(place));
}
Result<Subject::Published> Subject::run_networked(const Workspace& /*workspace*/,
                                                  const std::string& /*id*/, unsigned /*port*/,
                                                  const ProbeCommand& /*probe*/) const {
  return make_error(ErrorCode::kUnsupported, "{}: its adapter has no network", name());
}
Result<std::optional<Invocation>> Subject::run_weakened(const Workspace& /*workspace*/,
                                                        const std::string& /*id*/,
                                                        const ProbeCommand& /*probe*/) const {
  return std::nullopt;
}
Result<std::optional<Invocation>> Subject::run_traced(const Workspace& /*workspace*/,
                                                      const std::string& /*id*/,
                                                      const ProbeCommand& /*probe*/) const {
  return std::nullopt;
}
Result<std::optional<Invocation>> Subject::start_detached(const Workspace& /*workspace*/,
                                                          const std::string& /*id*/,
                                                          const ProbeCommand& /*probe*/) const {
  return std::nullopt;
}
Invocation Subject::enter(const Workspace& /*workspace*/, const std::string& /*id*/,
                          const ProbeCommand& /*probe*/) const {
  return {};
}
std::vector<Invocation> Subject::remove(const Workspace& /*workspace*/,
                                        const std::string& /*id*/) const {
  return {};
}

}  // namespace bothy::bench
