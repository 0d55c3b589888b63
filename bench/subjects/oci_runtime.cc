#include "bench/subjects/oci_runtime.h"

#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/files.h"
#include "base/find_program.h"

namespace bothy::bench {
namespace {

using boost::json::array;
using boost::json::object;

struct Bundle {
  ProbeCommand probe;
  bool host_network = false;
  bool weakened = false;
  std::string volume = {};  // the directory at /mnt; empty: there is none
};

array texts(const std::vector<std::string>& values) {
  return array(values.begin(), values.end());
}

object mount(const char* to, const char* type, const char* source,
             const std::vector<std::string>& options) {
  return {{"destination", to}, {"type", type}, {"source", source}, {"options", texts(options)}};
}

array mounts(const Bundle& bundle) {
  array all{
      mount("/proc", "proc", "proc", {}),
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}),
      mount("/dev/pts", "devpts", "devpts",
            {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}),
      mount("/dev/shm", "tmpfs", "shm", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}),
      mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}),
      mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", "ro"}),
      mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", "relatime", "ro"}),
      // Not of `runc spec`: where the probe writes, as every subject has it.
      mount("/tmp", "tmpfs", "tmpfs", {"nosuid", "nodev", "mode=1777"})};
  if (!bundle.volume.empty()) {
    all.push_back(mount("/mnt", "bind", bundle.volume.c_str(), {"rbind", "rw"}));
  }
  return all;
}

object capabilities(bool weakened) {
  std::vector<std::string> names{"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"};
  if (weakened) {
    // All but the newest three, which older runtimes refuse by name.
    names = {"CAP_CHOWN",           "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER",
             "CAP_FSETID",          "CAP_KILL",         "CAP_SETGID",          "CAP_SETUID",
             "CAP_SETPCAP",         "CAP_NET_ADMIN",    "CAP_NET_RAW",         "CAP_IPC_LOCK",
             "CAP_IPC_OWNER",       "CAP_SYS_MODULE",   "CAP_SYS_RAWIO",       "CAP_SYS_CHROOT",
             "CAP_SYS_PTRACE",      "CAP_SYS_PACCT",    "CAP_SYS_ADMIN",       "CAP_SYS_BOOT",
             "CAP_SYS_NICE",        "CAP_SYS_TIME",     "CAP_MKNOD",           "CAP_SYSLOG",
             "CAP_NET_BIND_SERVICE"};
  }
  return {{"bounding", texts(names)}, {"effective", texts(names)}, {"permitted", texts(names)}};
}

array namespaces(const Bundle& bundle) {
  array all;
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup"}) {
    const std::string_view name(type);
    const bool shared = (name == "network" && (bundle.host_network || bundle.weakened)) ||
                        (bundle.weakened && (name == "pid" || name == "ipc"));
    if (!shared) {
      all.push_back(object{{"type", type}});
    }
  }
  return all;
}

std::string config(const Workspace& workspace, const Bundle& bundle) {
  std::vector<std::string> arguments{std::string(kProbePath)};
  arguments.insert(arguments.end(), bundle.probe.begin(), bundle.probe.end());
  object process{
      {"user", {{"uid", 0}, {"gid", 0}}},
      {"args", texts(arguments)},
      {"env", texts({"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"})},
      {"cwd", "/"},
      {"capabilities", capabilities(bundle.weakened)},
      {"rlimits", array{object{{"type", "RLIMIT_NOFILE"}, {"hard", 1024}, {"soft", 1024}}}},
      {"noNewPrivileges", !bundle.weakened}};
  object resources;
  if (workspace.filter_devices) {
    resources["devices"] = array{object{{"allow", bundle.weakened}, {"access", "rwm"}}};
  }
  if (workspace.limit_containers) {
    constexpr std::int64_t kPeriod = 100'000;  // microseconds, the kernel's default
    resources["memory"] = {{"limit", workspace.memory_mib << 20U}};
    resources["cpu"] = {{"quota", kPeriod * workspace.cpus}, {"period", kPeriod}};
  }
  object linux{{"namespaces", namespaces(bundle)}, {"resources", resources}};
  if (!bundle.weakened) {
    linux["maskedPaths"] = texts({"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys",
                                  "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
                                  "/proc/sched_debug", "/sys/firmware", "/proc/scsi"});
    linux["readonlyPaths"] =
        texts({"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"});
  }
  return boost::json::serialize(object{
      {"ociVersion", "1.0.2"},
      {"process", process},
      {"root", {{"path", workspace.root}, {"readonly", true}}},
      {"hostname", "bench"},
      {"mounts", mounts(bundle)},
      {"linux", linux},
  });
}

class OciRuntime final : public Subject {
 public:
  // `program` is empty for bothy's own.
  OciRuntime(std::string_view name, const char* program, bool tested)
      : name_(name), program_(program), tested_(tested) {}

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] Kind kind() const override { return Kind::kContainer; }
  [[nodiscard]] bool tested() const override { return tested_; }

  [[nodiscard]] Result<std::string> version(const Bench& bench,
                                            const Workspace& workspace) const override {
    const bool own = *program_ == '\0';
    if (!own && !find_program(program_, path_variable(), {"/usr/sbin", "/sbin"})) {
      return make_error(ErrorCode::kNotFound, "{} is not installed", program_);
    }
    if (::geteuid() != 0) {
      return make_error(ErrorCode::kPermission, "{} runs this bundle for root only", name_);
    }
    BOTHY_TRY(const std::string text,
              run_command(bench, {{own ? workspace.bothy : program_, "--version"}}));
    return text.substr(0, text.find('\n'));
  }
  Result<void> clean(const Bench& /*bench*/, const Workspace& workspace) override {
    return remove_tree(directory(workspace));
  }

  [[nodiscard]] Result<Invocation> run(const Workspace& workspace, const std::string& id,
                                       const ProbeCommand& probe) const override {
    return instance(workspace, id, {probe}, {"run"});
  }
  [[nodiscard]] Result<std::optional<Published>> run_published(const Workspace& workspace,
                                                               const std::string& id,
                                                               unsigned port) const override {
    BOTHY_TRY(Invocation made,
              instance(workspace, id,
                       {.probe = {"serve", std::to_string(port)}, .host_network = true}, {"run"}));
    return Published{std::move(made), "host"};
  }
  [[nodiscard]] Result<Invocation> run_writing(const Workspace& workspace, const std::string& id,
                                               Place place,
                                               const ProbeCommand& probe) const override {
    if (place != Place::kVolume) {
      return make_error(ErrorCode::kUnsupported,
                        "{}: no {} to write to: its bundle's root is read-only", name_,
                        name_of(place));
    }
    Bundle bundle{.probe = probe, .volume = workspace.volume()};
    bundle.probe.emplace_back("/mnt");
    return instance(workspace, id, bundle, {"run"});
  }
  [[nodiscard]] Result<Published> run_networked(const Workspace& /*workspace*/,
                                                const std::string& /*id*/, unsigned /*port*/,
                                                const ProbeCommand& /*probe*/) const override {
    return make_error(ErrorCode::kUnsupported,
                      "{}: an OCI runtime's network is made by whoever calls it", name_);
  }
  [[nodiscard]] Result<std::optional<Invocation>> run_weakened(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const override {
    BOTHY_TRY(Invocation made,
              instance(workspace, id, {.probe = probe, .weakened = true}, {"run"}));
    return std::optional(std::move(made));
  }
  [[nodiscard]] Result<std::optional<Invocation>> start_detached(
      const Workspace& workspace, const std::string& id, const ProbeCommand& probe) const override {
    BOTHY_TRY(Invocation made, instance(workspace, id, {probe}, {"run", "--detach"}));
    return std::optional(std::move(made));
  }
  [[nodiscard]] Invocation enter(const Workspace& workspace, const std::string& id,
                                 const ProbeCommand& probe) const override {
    Invocation made = call(workspace, {"exec", id, std::string(kProbePath)});
    made.arguments.insert(made.arguments.end(), probe.begin(), probe.end());
    return made;
  }
  [[nodiscard]] std::vector<Invocation> remove(const Workspace& workspace,
                                               const std::string& id) const override {
    return {call(workspace, {"delete", "--force", id}),
            {{"rm", "-r", "--", directory(workspace) + "/" + id}}};
  }

 private:
  [[nodiscard]] std::string directory(const Workspace& workspace) const {
    return workspace.directory + "/" + std::string(name_);
  }
  [[nodiscard]] Invocation call(const Workspace& workspace,
                                const std::vector<std::string>& arguments) const {
    Invocation made;
    if (*program_ == '\0') {
      made.arguments = {workspace.bothy, "oci"};
    } else {
      made.arguments = {program_};
    }
    made.arguments.insert(made.arguments.end(), {"--root", directory(workspace) + "/state"});
    made.arguments.insert(made.arguments.end(), arguments.begin(), arguments.end());
    return made;
  }
  // A bundle for each instance: the command is in its config.json.
  [[nodiscard]] Result<Invocation> instance(const Workspace& workspace, const std::string& id,
                                            const Bundle& bundle,
                                            std::vector<std::string> verb) const {
    const std::string at = directory(workspace) + "/" + id;
    BOTHY_TRY(make_directories(at));
    BOTHY_TRY(replace_file(at + "/config.json", config(workspace, bundle), 0600));
    verb.insert(verb.end(), {"--bundle", at, id});
    return call(workspace, verb);
  }

  const std::string_view name_;
  const char* const program_;
  const bool tested_;
};

}  // namespace

std::unique_ptr<Subject> make_bothy_oci() {
  return std::make_unique<OciRuntime>("oci", "", true);
}
std::unique_ptr<Subject> make_runc() {
  return std::make_unique<OciRuntime>("runc", "runc", true);
}
std::unique_ptr<Subject> make_crun() {
  return std::make_unique<OciRuntime>("crun", "crun", true);
}
std::unique_ptr<Subject> make_gvisor() {
  return std::make_unique<OciRuntime>("gvisor", "runsc", false);
}

}  // namespace bothy::bench
