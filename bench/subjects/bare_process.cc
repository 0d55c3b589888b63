#include "bench/subjects/bare_process.h"

#include <fmt/format.h>
#include <sys/utsname.h>

namespace bothy::bench {
namespace {

Invocation invocation(const Workspace& workspace, const ProbeCommand& probe) {
  Invocation made{{workspace.root + std::string(kProbePath)}};
  made.arguments.insert(made.arguments.end(), probe.begin(), probe.end());
  return made;
}

class BareProcess final : public Subject {
 public:
  [[nodiscard]] std::string_view name() const override { return "process"; }
  [[nodiscard]] Kind kind() const override { return Kind::kProcess; }

  [[nodiscard]] Result<std::string> version(const Bench& /*bench*/,
                                            const Workspace& /*workspace*/) const override {
    utsname kernel{};
    ::uname(&kernel);
    return std::string("Linux ") + kernel.release;
  }
  [[nodiscard]] Result<Invocation> run(const Workspace& workspace, const std::string& /*id*/,
                                       const ProbeCommand& probe) const override {
    return invocation(workspace, probe);
  }
  [[nodiscard]] Result<std::optional<Published>> run_published(const Workspace& workspace,
                                                               const std::string& /*id*/,
                                                               unsigned port) const override {
    return Published{invocation(workspace, {"serve", std::to_string(port)}), "host"};
  }
  [[nodiscard]] Result<Invocation> run_writing(const Workspace& workspace,
                                               const std::string& /*id*/, Place place,
                                               const ProbeCommand& probe) const override {
    if (place != Place::kVolume) {
      return make_error(ErrorCode::kUnsupported, "process: no {} of its own", name_of(place));
    }
    Invocation made = invocation(workspace, probe);
    made.arguments.push_back(workspace.volume());
    return made;
  }
  [[nodiscard]] Result<Published> run_networked(const Workspace& workspace,
                                                const std::string& /*id*/, unsigned /*port*/,
                                                const ProbeCommand& probe) const override {
    return Published{invocation(workspace, probe), "the host's loopback"};
  }
  // It has no wall: whatever fails here fails without any.
  [[nodiscard]] Result<std::optional<Invocation>> run_weakened(
      const Workspace& workspace, const std::string& /*id*/,
      const ProbeCommand& probe) const override {
    return invocation(workspace, probe);
  }
};

}  // namespace

std::unique_ptr<Subject> make_bare_process() {
  return std::make_unique<BareProcess>();
}

}  // namespace bothy::bench
