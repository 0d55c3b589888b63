// A payload guest: a few instructions against the real /dev/kvm, and what they did.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "arch/vcpu_state.h"
#include "memory/guest_memory.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/kvm/vm.h"

// Defines the payload `name`: 32-bit assembler text in AT&T syntax, position-dependent at
// kPayloadAddress. NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define BOTHY_PAYLOAD(name, text)                                                                \
  asm(".pushsection .rodata\n.globl " #name "\n.globl " #name "_end\n" #name ":\n.code32\n" text \
      "\n" #name "_end:\n.code64\n.popsection\n");                                               \
  extern "C" const std::byte name[];                                                             \
  extern "C" const std::byte name##_end[]

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage)
#define BOTHY_PAYLOAD_BYTES(name) std::span<const std::byte>(name, name##_end)

namespace bothy::test {

inline constexpr GuestAddress kPayloadAddress = 0x8000;
inline constexpr std::uint64_t kGuestMemory = 4ULL << 20U;

struct Access {
  enum class Kind { kPortRead, kPortWrite, kMmioRead, kMmioWrite };

  Kind kind;
  std::uint64_t address;
  std::uint64_t value;  // little-endian, as written or as answered
  std::size_t size;

  friend bool operator==(const Access&, const Access&) = default;
};

class Guest final : public VcpuHandler {
 public:
  enum class Mode {
    kProtected32,  // flat, paging off
    kReal,         // but for data segments of 4 GiB
  };

  // Builds a machine of `vcpus` with `payload` in place, where the boot processor starts.
  explicit Guest(std::span<const std::byte> payload, std::uint32_t vcpus = 1,
                 Mode mode = Mode::kProtected32);
  ~Guest() override;

  // What the next reads are answered with, by address; 0xff bytes otherwise.
  void answer(std::uint64_t address, std::uint64_t value);

  void start();
  // Waits until `count` accesses have been seen; the test fails after ten seconds.
  void wait_for_accesses(std::size_t count);
  // Waits until vCPU `index` has ended and returns why.
  VcpuEnd wait_for_end(std::uint32_t index = 0);

  [[nodiscard]] std::vector<Access> accesses() const;
  [[nodiscard]] std::string end_reason(std::uint32_t index = 0) const;
  [[nodiscard]] Vm& vm() { return *vm_; }
  [[nodiscard]] GuestMemory& memory() { return *memory_; }
  [[nodiscard]] Vcpu& vcpu(std::uint32_t index = 0) { return *vcpus_.at(index); }

  void on_port_read(std::uint16_t port, std::span<std::byte> data) noexcept override;
  void on_port_write(std::uint16_t port, std::span<const std::byte> data) noexcept override;
  void on_mmio_read(std::uint64_t address, std::span<std::byte> data) noexcept override;
  void on_mmio_write(std::uint64_t address, std::span<const std::byte> data) noexcept override;
  void on_vcpu_end(std::uint32_t index, VcpuEnd end, std::string reason) noexcept override;

 private:
  void record_read(Access::Kind kind, std::uint64_t address, std::span<std::byte> data) noexcept;
  void record_write(Access::Kind kind, std::uint64_t address,
                    std::span<const std::byte> data) noexcept;

  struct End {
    VcpuEnd end;
    std::string reason;
  };

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Access> accesses_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> answers_;
  std::vector<std::optional<End>> ends_;

  std::optional<GuestMemory> memory_;  // outlives the Vm that maps it
  std::optional<Kvm> kvm_;
  std::optional<Vm> vm_;
  std::vector<std::unique_ptr<Vcpu>> vcpus_;
};

}  // namespace bothy::test
