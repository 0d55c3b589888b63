#include "bench/subjects/bothy.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/find_program.h"

namespace bothy::bench {
namespace {

constexpr const char* kImage = "bench";
// Larger than what the probe writes.
constexpr const char* kDiskSize = "128M";

// Appends `more` to `arguments`.
void append(std::vector<std::string>& arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), more.begin(), more.end());
}

class Bothy final : public Subject {
 public:
  explicit Bothy(Kind kind) : kind_(kind) {}

  [[nodiscard]] std::string_view name() const override {
    return kind_ == Kind::kVm ? "vm" : "container";
  }
  [[nodiscard]] Kind kind() const override { return kind_; }

  [[nodiscard]] Result<std::string> version(const Bench& bench,
                                            const Workspace& workspace) const override {
    BOTHY_TRY(std::string text, run_command(bench, {{workspace.bothy, "--version"}}));
    text.erase(text.find_last_not_of('\n') + 1);
    return text;
  }
  Result<void> prepare(const Bench& bench, const Workspace& workspace) override {
    BOTHY_TRY(
        run_command(bench, call(workspace, {"image", "import", workspace.root, "--name", kImage})));
    return success();
  }
  Result<void> clean(const Bench& /*bench*/, const Workspace& workspace) override {
    for (const std::string& directory : {store(workspace), state(workspace)}) {
      BOTHY_TRY(remove_tree(directory));
    }
    return success();
  }

  [[nodiscard]] Result<Invocation> run(const Workspace& workspace, const std::string& id,
                                       const ProbeCommand& probe) const override {
    return instance(workspace, id, {"--rm", "-i", "--network", "none"}, probe);
  }
  [[nodiscard]] Result<std::optional<Published>> run_published(const Workspace& workspace,
                                                               const std::string& id,
                                                               unsigned port) const override {
    const ProbeCommand probe{"serve", std::to_string(port)};
    if (kind_ == Kind::kContainer) {
      return Published{instance(workspace, id, {"--rm", "--network", "host"}, probe), "host"};
    }
    BOTHY_TRY(Published published, run_networked(workspace, id, port, probe));
    return std::optional(std::move(published));
  }
  [[nodiscard]] Result<Invocation> run_writing(const Workspace& workspace, const std::string& id,
                                               Place place,
                                               const ProbeCommand& probe) const override {
    std::vector<std::string> flags{"--rm", "-i", "--network", "none"};
    if (place == Place::kVolume) {
      append(flags, {"-v", workspace.volume() + ":/mnt"});
    } else if (place == Place::kDisk) {
      if (!find_program("mke2fs", path_variable(), {"/usr/sbin", "/sbin"})) {
        return make_error(ErrorCode::kUnsupported, "{}: no disk without mke2fs, which isn't here",
                          name());
      }
      append(flags, {"--storage", kDiskSize});
    }
    ProbeCommand whole = probe;
    whole.emplace_back(place == Place::kVolume ? "/mnt" : "/");
    return instance(workspace, id, flags, whole);
  }
  [[nodiscard]] Result<Published> run_networked(const Workspace& workspace, const std::string& id,
                                                unsigned port,
                                                const ProbeCommand& probe) const override {
    return Published{
        instance(workspace, id, {"--rm", "-p", fmt::format("127.0.0.1:{0}:{0}", port)}, probe),
        kind_ == Kind::kVm ? "passt" : "pasta"};
  }
  [[nodiscard]] Result<std::optional<Invocation>> run_weakened(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const override {
    if (kind_ == Kind::kVm) {
      return std::nullopt;
    }
    return instance(workspace, id,
                    {"--rm", "--network", "host", "--userns", "host", "--privileged"}, probe);
  }
  [[nodiscard]] Result<std::optional<Invocation>> run_traced(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const override {
    return instance(workspace, id, {"--rm", "-i", "--network", "none", "--trace-timing"}, probe);
  }
  [[nodiscard]] Result<std::optional<Invocation>> start_detached(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const override {
    return instance(workspace, id, {"-d", "--network", "none"}, probe);
  }
  [[nodiscard]] Invocation enter(const Workspace& workspace, const std::string& id,
                                 const ProbeCommand& probe) const override {
    std::vector<std::string> arguments{"exec", id, std::string(kProbePath)};
    append(arguments, probe);
    return call(workspace, arguments);
  }
  [[nodiscard]] std::vector<Invocation> remove(const Workspace& workspace,
                                               const std::string& id) const override {
    return {call(workspace, {"rm", "-f", id})};
  }

 private:
  static std::string store(const Workspace& workspace) { return workspace.directory + "/images"; }
  static std::string state(const Workspace& workspace) { return workspace.directory + "/run"; }

  static Invocation call(const Workspace& workspace, const std::vector<std::string>& arguments) {
    Invocation invocation{{workspace.bothy}};
    append(invocation.arguments, arguments);
    invocation.environment = {"BOTHY_STORE=" + store(workspace), "BOTHY_RUN=" + state(workspace)};
    if (!workspace.kernel.empty()) {
      invocation.environment.push_back("BOTHY_KERNEL=" + workspace.kernel);
    }
    return invocation;
  }

  [[nodiscard]] Invocation instance(const Workspace& workspace, const std::string& id,
                                    const std::vector<std::string>& flags,
                                    const ProbeCommand& probe) const {
    std::vector<std::string> arguments{"run", "--isolation", std::string(name()), "--name", id};
    if (kind_ == Kind::kVm || workspace.limit_containers) {
      append(arguments, {"-m", fmt::format("{}M", workspace.memory_mib)});
      append(arguments, {"--cpus", std::to_string(workspace.cpus)});
    }
    append(arguments, flags);
    append(arguments, {kImage, std::string(kProbePath)});
    append(arguments, probe);
    return call(workspace, arguments);
  }

  const Kind kind_;
};

}  // namespace

std::unique_ptr<Subject> make_bothy_vm() {
  return std::make_unique<Bothy>(Kind::kVm);
}

std::unique_ptr<Subject> make_bothy_container() {
  return std::make_unique<Bothy>(Kind::kContainer);
}

}  // namespace bothy::bench
