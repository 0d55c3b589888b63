// VmIsolation: an instance as a microVM: its machine, and the agent in its guest.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arch/cpu_features.h"
#include "base/executor.h"
#include "base/unique_fd.h"
#include "devices/host/console/character_backend.h"
#include "devices/host/console/tail.h"
#include "image/import/disk_builder.h"
#include "run/isolation.h"
#include "run/vm/guest_link.h"
#include "run/vm/guest_parts.h"
#include "run/vm/kernel_modules.h"
#include "vmm/machine/machine_run.h"

namespace bothy::run {

// What a microVM is made of beside the options.
struct VmParts {
  GuestParts guest;
  std::optional<image::FileLock> disk_use;  // of guest.disk
  std::string kernel;                       // an absolute path
  std::vector<KernelModule> modules;
  arch::CpuFeatures cpu_features;
  bool core_scheduling = false;
};

class VmIsolation final : public Isolation {
 public:
  // Builds the machine. Everything in `context` outlives the isolation.
  [[nodiscard]] static Result<std::unique_ptr<VmIsolation>> make(const IsolationContext& context,
                                                                 VmParts parts);
  ~VmIsolation() override;

  [[nodiscard]] Result<void> start() override;
  [[nodiscard]] Result<void> check_connected() const override;
  [[nodiscard]] Result<void> start_process(std::uint32_t process, const ProcessSpec& spec) override;
  void signal(std::uint32_t process, int signal) override;
  void resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) override;
  void forget(std::uint32_t process) override;
  [[nodiscard]] Result<void> pause() override;
  [[nodiscard]] Result<void> resume() override;
  [[nodiscard]] Result<void> request_statistics() override;
  void request_path_info(std::uint32_t request, const std::string& path) override;
  void copy_in(std::uint32_t copy, const std::string& directory) override;
  void copy_out(std::uint32_t copy, const std::string& path) override;
  void shut_down(Shutdown urgency) override;
  void close() noexcept override;

  // Connects to a port of the guest's loopback addresses: stream 0 of `connection`, a number that
  // no process or copy has, follows by on_stream(). It has its end at once where nobody listens.
  void connect(std::uint32_t connection, std::uint16_t port);

 private:
  VmIsolation(const IsolationContext& context, std::optional<image::FileLock> disk_use);

  [[nodiscard]] Result<void> build(const VmParts& parts);
  [[nodiscard]] Result<void> open_console(const std::string& path);
  [[nodiscard]] GuestLink::Hooks link_hooks();
  [[nodiscard]] MachineRun::Hooks machine_hooks();
  // A token that the streams of the process or copy must carry.
  std::uint64_t make_token(std::uint32_t process);
  void on_stream(std::uint32_t process, const agent::Opening& opening, UniqueFd stream);
  void on_link_closed();
  void end(const MachineEnd& end);
  [[nodiscard]] std::string describe_end(const MachineEnd& end) const;

  const IsolationContext context_;
  std::optional<image::FileLock> disk_use_;  // keeps the image in the store
  UniqueFd initramfs_;
  Timer grace_;  // of a guest that has disconnected, or is to power off
  Executor console_executor_{"console", ThreadRole::kConsole};
  std::unique_ptr<CharacterBackend> console_;
  std::optional<ConsoleTail> tail_;
  std::unique_ptr<GuestLink> link_;
  std::map<std::uint32_t, std::uint64_t> tokens_;
  std::unique_ptr<MachineRun> machine_;
  bool writes_to_host_ = false;  // the guest has files of the host
  bool shutting_down_ = false;
  bool ended_ = false;
};

}  // namespace bothy::run
