#include "bench/subjects/podman.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/find_program.h"

namespace bothy::bench {
namespace {

using Words = std::vector<std::string>;

void append(Words& words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
}

class Podman final : public Subject {
 public:
  [[nodiscard]] std::string_view name() const override { return "podman"; }
  [[nodiscard]] Kind kind() const override { return Kind::kContainer; }

  [[nodiscard]] Result<std::string> version(const Bench& bench,
                                            const Workspace& /*workspace*/) const override {
    if (!find_program("podman", path_variable(), {"/usr/bin"})) {
      return make_error(ErrorCode::kNotFound, "podman is not installed");
    }
    BOTHY_TRY(const std::string text, run_command(bench, {{"podman", "--version"}}));
    return text.substr(0, text.find('\n'));
  }
  Result<void> clean(const Bench& bench, const Workspace& workspace) override {
    // It unmounts and removes by its own means first.
    static_cast<void>(run_command(bench, call(workspace, {"rm", "--all", "--force"})));
    return remove_tree(directory(workspace));
  }

  [[nodiscard]] Result<Invocation> run(const Workspace& workspace, const std::string& id,
                                       const ProbeCommand& probe) const override {
    return instance(workspace, id, {"--rm", "--interactive", "--network", "none"}, probe);
  }
  [[nodiscard]] Result<std::optional<Published>> run_published(const Workspace& workspace,
                                                               const std::string& id,
                                                               unsigned port) const override {
    return Published{
        instance(workspace, id, {"--rm", "--network", "host"}, {"serve", std::to_string(port)}),
        "host"};
  }
  [[nodiscard]] Result<Invocation> run_writing(const Workspace& workspace, const std::string& id,
                                               Place place,
                                               const ProbeCommand& probe) const override {
    if (place == Place::kDisk) {
      return make_error(ErrorCode::kUnsupported, "podman: no disk of its own");
    }
    const bool volume = place == Place::kVolume;
    Words flags{"--rm", "--interactive", "--network", "none"};
    if (volume) {
      append(flags, {"--volume", workspace.volume() + ":/mnt"});
    }
    ProbeCommand whole = probe;
    whole.emplace_back(volume ? "/mnt" : "/");
    return instance(workspace, id, flags, whole);
  }
  [[nodiscard]] Result<Published> run_networked(const Workspace& /*workspace*/,
                                                const std::string& /*id*/, unsigned /*port*/,
                                                const ProbeCommand& /*probe*/) const override {
    return make_error(ErrorCode::kUnsupported,
                      "podman: root's default network changes the host's bridges and firewall, "
                      "which the benchmark doesn't");
  }
  [[nodiscard]] Result<std::optional<Invocation>> run_weakened(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const override {
    return instance(workspace, id,
                    {"--rm", "--network", "host", "--pid", "host", "--ipc", "host", "--privileged"},
                    probe);
  }
  [[nodiscard]] Result<std::optional<Invocation>> start_detached(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const override {
    return instance(workspace, id, {"--detach", "--network", "none"}, probe);
  }
  [[nodiscard]] Invocation enter(const Workspace& workspace, const std::string& id,
                                 const ProbeCommand& probe) const override {
    Words words{"exec", id, std::string(kProbePath)};
    append(words, probe);
    return call(workspace, words);
  }
  [[nodiscard]] std::vector<Invocation> remove(const Workspace& workspace,
                                               const std::string& id) const override {
    return {call(workspace, {"rm", "--force", "--time", "0", id})};
  }

 private:
  static std::string directory(const Workspace& workspace) {
    return workspace.directory + "/podman";
  }
  // State of its own, so that nothing of the user's is seen or touched.
  static Invocation call(const Workspace& workspace, const Words& words) {
    Invocation made{{"podman", "--root", directory(workspace) + "/storage", "--runroot",
                     directory(workspace) + "/run", "--storage-driver", "vfs", "--events-backend",
                     "none", "--cgroup-manager", "cgroupfs"}};
    append(made.arguments, words);
    return made;
  }
  static Invocation instance(const Workspace& workspace, const std::string& id, const Words& flags,
                             const ProbeCommand& probe) {
    // Limits that aren't the benchmark's are off: raising one takes a capability that not every
    // root has.
    Words words{
        "run",      "--name",           id,         "--log-driver",   "none", "--pids-limit", "0",
        "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"};
    if (workspace.limit_containers) {
      append(words, {"--memory", fmt::format("{}m", workspace.memory_mib), "--cpus",
                     std::to_string(workspace.cpus)});
    }
    append(words, flags);
    // Writable, by an overlay that is removed with it, as bothy's containers are.
    append(words, {"--rootfs", workspace.root + ":O", std::string(kProbePath)});
    append(words, probe);
    return call(workspace, words);
  }
};

}  // namespace

std::unique_ptr<Subject> make_podman() {
  return std::make_unique<Podman>();
}

}  // namespace bothy::bench
