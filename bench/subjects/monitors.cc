#include "bench/subjects/monitors.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "base/files.h"
#include "bench/subjects/guest_disk.h"

namespace bothy::bench {
namespace {

using boost::json::array;
using boost::json::object;

struct Monitor {
  std::string_view name;
  const char* program;
  const char* version_flag;
  Result<Invocation> (*run)(const Workspace& workspace, const std::string& id,
                            const ProbeCommand& probe);
};

Result<Invocation> run_kvmtool(const Workspace& workspace, const std::string& id,
                               const ProbeCommand& probe) {
  const std::string directory = workspace.kernel.substr(0, workspace.kernel.rfind('/'));
  return Invocation{{"lkvm", "run", "--name", id, "--kernel", directory + "/bzImage", "--disk",
                     guest_disk(workspace) + ",ro", "--mem", std::to_string(workspace.memory_mib),
                     "--cpus", std::to_string(workspace.cpus), "--console", "virtio", "--network",
                     "mode=none", "--params", guest_command_line("hvc0", probe)}};
}

Result<Invocation> run_firecracker(const Workspace& workspace, const std::string& id,
                                   const ProbeCommand& probe) {
  const object configuration{
      {"boot-source",
       {{"kernel_image_path", workspace.kernel},
        {"boot_args", "reboot=k pci=off i8042.noaux " + guest_command_line("ttyS0", probe)}}},
      {"drives", array{object{{"drive_id", "root"},
                              {"path_on_host", guest_disk(workspace)},
                              {"is_root_device", true},
                              {"is_read_only", true}}}},
      {"machine-config", {{"vcpu_count", workspace.cpus}, {"mem_size_mib", workspace.memory_mib}}}};
  const std::string file = fmt::format("{}/firecracker-{}.json", workspace.directory, id);
  BOTHY_TRY(replace_file(file, boost::json::serialize(configuration), 0600));
  return Invocation{{"firecracker", "--no-api", "--config-file", file}};
}

Result<Invocation> run_cloud_hypervisor(const Workspace& workspace, const std::string& /*id*/,
                                        const ProbeCommand& probe) {
  return Invocation{{"cloud-hypervisor", "--kernel", workspace.kernel, "--disk",
                     fmt::format("path={},readonly=on", guest_disk(workspace)), "--cpus",
                     fmt::format("boot={}", workspace.cpus), "--memory",
                     fmt::format("size={}M", workspace.memory_mib), "--console", "tty", "--serial",
                     "off", "--cmdline", guest_command_line("hvc0", probe)}};
}

class DocumentedMonitor final : public Subject {
 public:
  explicit DocumentedMonitor(const Monitor& monitor) : monitor_(monitor) {}

  [[nodiscard]] std::string_view name() const override { return monitor_.name; }
  [[nodiscard]] Kind kind() const override { return Kind::kVm; }
  [[nodiscard]] bool tested() const override { return false; }

  [[nodiscard]] Result<std::string> version(const Bench& bench,
                                            const Workspace& workspace) const override {
    return monitor_version(bench, workspace, monitor_.program, monitor_.version_flag);
  }
  Result<void> prepare(const Bench& bench, const Workspace& workspace) override {
    return make_guest_disk(bench, workspace);
  }
  [[nodiscard]] Result<Invocation> run(const Workspace& workspace, const std::string& id,
                                       const ProbeCommand& probe) const override {
    return monitor_.run(workspace, id, probe);
  }
  [[nodiscard]] std::string success_text() const override { return std::string(kGuestSucceeded); }

 private:
  const Monitor monitor_;
};

}  // namespace

std::unique_ptr<Subject> make_kvmtool() {
  return std::make_unique<DocumentedMonitor>(Monitor{"kvmtool", "lkvm", "version", run_kvmtool});
}
std::unique_ptr<Subject> make_firecracker() {
  return std::make_unique<DocumentedMonitor>(
      Monitor{"firecracker", "firecracker", "--version", run_firecracker});
}
std::unique_ptr<Subject> make_cloud_hypervisor() {
  return std::make_unique<DocumentedMonitor>(
      Monitor{"cloud-hypervisor", "cloud-hypervisor", "--version", run_cloud_hypervisor});
}

}  // namespace bothy::bench
