#include "bench/subjects/qemu.h"

#include <fmt/format.h>

#include "bench/subjects/guest_disk.h"

namespace bothy::bench {
namespace {

constexpr const char* kProgram = "qemu-system-x86_64";

class Qemu final : public Subject {
 public:
  [[nodiscard]] std::string_view name() const override { return "qemu"; }
  [[nodiscard]] Kind kind() const override { return Kind::kVm; }

  [[nodiscard]] Result<std::string> version(const Bench& bench,
                                            const Workspace& workspace) const override {
    return monitor_version(bench, workspace, kProgram, "--version");
  }
  Result<void> prepare(const Bench& bench, const Workspace& workspace) override {
    return make_guest_disk(bench, workspace);
  }
  [[nodiscard]] Result<Invocation> run(const Workspace& workspace, const std::string& /*id*/,
                                       const ProbeCommand& probe) const override {
    return machine(workspace, probe, {});
  }
  [[nodiscard]] std::string success_text() const override { return std::string(kGuestSucceeded); }

 private:
  static Invocation machine(const Workspace& workspace, const ProbeCommand& probe,
                            const std::vector<std::string>& more) {
    Invocation made{
        {kProgram,
         "-M",
         "microvm,x-option-roms=off,pit=off,pic=off,isa-serial=off,rtc=off",
         "-accel",
         "kvm",
         "-cpu",
         "host",
         "-smp",
         std::to_string(workspace.cpus),
         "-m",
         fmt::format("{}M", workspace.memory_mib),
         "-nodefaults",
         "-no-user-config",
         "-display",
         "none",
         "-no-reboot",
         "-chardev",
         "stdio,id=console,signal=off",
         "-device",
         "virtio-serial-device",
         "-device",
         "virtconsole,chardev=console",
         "-drive",
         fmt::format("id=root,file={},format=raw,if=none,readonly=on", guest_disk(workspace)),
         "-device",
         "virtio-blk-device,drive=root",
         "-kernel",
         workspace.kernel,
         "-append",
         guest_command_line("hvc0", probe)}};
    made.arguments.insert(made.arguments.end(), more.begin(), more.end());
    return made;
  }
};

}  // namespace

std::unique_ptr<Subject> make_qemu() {
  return std::make_unique<Qemu>();
}

}  // namespace bothy::bench
