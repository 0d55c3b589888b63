// Vcpu: one virtual processor: its thread, its run loop, its state machine, its registers.
#pragma once

#include <linux/kvm.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>

#include "arch/kvm/vcpu_setup.h"
#include "base/mapping.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"

namespace bothy {

// Why a vCPU's run loop ended for good.
enum class VcpuEnd {
  kStopped,      // stop() was called
  kTripleFault,  // KVM_EXIT_SHUTDOWN
  kPowerOff,     // KVM_EXIT_SYSTEM_EVENT
  kReset,        // likewise
  kCrash,        // likewise
  kFailed,       // KVM_RUN failed: an entry failure, an instruction that KVM can't emulate
};

// Handles the accesses and the end of a run loop. Called on vCPU threads, concurrently.
class VcpuHandler {
 public:
  VcpuHandler() = default;
  VcpuHandler(const VcpuHandler&) = delete;
  VcpuHandler& operator=(const VcpuHandler&) = delete;
  virtual ~VcpuHandler() = default;

  // `data` comes filled with 0xff for reads. One call per element of a string instruction.
  virtual void on_port_read(std::uint16_t port, std::span<std::byte> data) noexcept = 0;
  virtual void on_port_write(std::uint16_t port, std::span<const std::byte> data) noexcept = 0;
  virtual void on_mmio_read(std::uint64_t address, std::span<std::byte> data) noexcept = 0;
  virtual void on_mmio_write(std::uint64_t address, std::span<const std::byte> data) noexcept = 0;

  // The last call for this vCPU. `reason`: KVM's report in words, for kFailed. Must not wait for
  // any vCPU.
  virtual void on_vcpu_end(std::uint32_t index, VcpuEnd end, std::string reason) noexcept = 0;
};

// How often KVM_RUN returned, by reason.
struct ExitCounts {
  std::uint64_t port_reads = 0;
  std::uint64_t port_writes = 0;
  std::uint64_t mmio_reads = 0;
  std::uint64_t mmio_writes = 0;
  std::uint64_t interrupted = 0;  // a kick, or another signal
  std::uint64_t other = 0;

  [[nodiscard]] std::uint64_t total() const noexcept {
    return port_reads + port_writes + mmio_reads + mmio_writes + interrupted + other;
  }
  ExitCounts& operator+=(const ExitCounts& other_counts) noexcept;
};

//                 start()              pause()
//   [created] ------------> [running] ---------> [paused]
//                               |     <---------
//                               |      resume()
//        stop(), or an end of   |
//        the guest's own making v
//                            [ended] --- join() or the destructor reaps the thread
//
// Only one thread, the owner's, may call start, pause, resume, stop and join. A request reaches a
// vCPU inside KVM_RUN by immediate_exit and wake_signal(), so none is ever lost.
class Vcpu {
 public:
  enum class State { kCreated, kRunning, kPaused, kEnded };

  // The handler isn't owned and outlives the vCPU.
  [[nodiscard]] static Result<std::unique_ptr<Vcpu>> create(const Kvm& kvm, const Vm& vm,
                                                            std::uint32_t index,
                                                            VcpuHandler& handler);
  Vcpu(const Vcpu&) = delete;
  Vcpu& operator=(const Vcpu&) = delete;
  ~Vcpu();

  // Both before start(), set_up() first.
  [[nodiscard]] Result<void> set_up(const arch::CpuModel& model);
  // For the boot processor alone.
  [[nodiscard]] Result<void> set_entry(const arch::CpuEntry& entry);

  [[nodiscard]] Result<void> start();
  // Returns once the vCPU is outside KVM_RUN with no half-done port or MMIO access, or has ended.
  void pause();
  void resume();
  // Requests the end without waiting for it. Harmless when the vCPU has ended already.
  void stop() noexcept;
  void join();

  [[nodiscard]] State state() const;
  [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  // Below: only while the vCPU is paused, or joined.
  // True when the processor waits in HLT, or (one that isn't the boot processor) for INIT and SIPI.
  [[nodiscard]] bool is_halted() const noexcept;
  [[nodiscard]] Result<kvm_regs> registers() const;
  [[nodiscard]] Result<kvm_sregs> system_registers() const;
  [[nodiscard]] const ExitCounts& exit_counts() const noexcept { return counts_; }
  // When the vCPU first entered KVM_RUN.
  [[nodiscard]] std::chrono::steady_clock::time_point first_run() const noexcept {
    return first_run_;
  }

 private:
  enum class Request { kRun, kPause, kStop };

  Vcpu(std::uint32_t index, UniqueFd fd, Mapping run_mapping, VcpuHandler& handler) noexcept;

  [[nodiscard]] kvm_run& run() const noexcept {
    return *reinterpret_cast<kvm_run*>(run_mapping_.data());
  }
  void request(Request what) noexcept;
  void thread_main() noexcept;
  // Runs until a request or an end; true when it ended for good.
  bool run_until_request(VcpuEnd& end, std::string& reason) noexcept;
  // One return of KVM_RUN; true when the loop must end.
  bool handle_exit(VcpuEnd& end, std::string& reason) noexcept;
  void handle_port_access() noexcept;
  void handle_mmio() noexcept;
  bool handle_system_event(VcpuEnd& end, std::string& reason) noexcept;
  // KVM finishes a port or MMIO access only at the next KVM_RUN.
  void complete_pending_access() noexcept;
  // Waits out a pause; false when the request is to stop.
  bool wait_while_paused();

  const std::uint32_t index_;
  const UniqueFd fd_;
  const Mapping run_mapping_;
  VcpuHandler& handler_;

  std::thread thread_;
  std::atomic<Request> request_{Request::kRun};
  mutable std::mutex mutex_;
  std::condition_variable state_changed_;
  State state_ = State::kCreated;  // guarded by mutex_

  ExitCounts counts_;
  std::chrono::steady_clock::time_point first_run_;
};

}  // namespace bothy
