#include "tests/kvm/guest.h"

#include <array>
#include <cstring>

#include "tests/support/catch.h"

namespace bothy::test {
namespace {

constexpr std::chrono::seconds kPatience{10};

template <class T>
T must(Result<T> result) {
  if (!result) {
    FAIL(result.error().context);
  }
  return std::move(result).value();
}

void must(Result<void> result) {
  if (!result) {
    FAIL(result.error().context);
  }
}

std::uint64_t to_value(std::span<const std::byte> data) {
  std::uint64_t value = 0;
  std::memcpy(&value, data.data(), std::min(data.size(), sizeof(value)));
  return value;
}

kvm_sregs protected_mode(kvm_sregs sregs) {
  return arch::boot_system_registers(sregs, arch::EntryMode::kProtected32);
}

kvm_sregs real_mode(kvm_sregs sregs) {
  sregs.cs.base = 0;
  sregs.cs.selector = 0;
  sregs.ds.limit = 0xffffffff;
  sregs.ds.g = 1;
  return sregs;
}

}  // namespace

Guest::Guest(std::span<const std::byte> payload, std::uint32_t vcpus, Mode mode) : ends_(vcpus) {
  const std::array ranges{MemoryRange{0, kGuestMemory}};
  memory_.emplace(must(GuestMemory::create(ranges, MemoryBacking::kAnonymous)));
  kvm_.emplace(must(Kvm::open()));
  vm_.emplace(must(Vm::create(*kvm_)));
  must(vm_->set_up(*kvm_, *memory_));
  must(arch::write_boot_tables(*memory_, arch::EntryMode::kProtected32));
  REQUIRE(memory_->write_bytes(kPayloadAddress, payload));

  const auto supported = must(kvm_->supported_cpuid());
  for (std::uint32_t i = 0; i < vcpus; ++i) {
    auto vcpu = must(Vcpu::create(*kvm_, *vm_, i, *this));
    VcpuSetup setup;
    setup.cpuid = arch::guest_cpuid(supported, {i, vcpus, false});
    setup.msrs = arch::initial_msrs();
    must(vcpu->set_up(setup));
    vcpus_.push_back(std::move(vcpu));
  }
  VcpuEntry entry;
  entry.regs = arch::boot_registers({arch::EntryMode::kProtected32, kPayloadAddress, 0, 0});
  entry.regs.rsp = kPayloadAddress - 16;
  entry.make_sregs = mode == Mode::kReal ? real_mode : protected_mode;
  must(vcpus_.front()->set_entry(entry));
}

Guest::~Guest() {
  for (const auto& vcpu : vcpus_) {
    vcpu->stop();
  }
}

void Guest::answer(std::uint64_t address, std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  answers_.emplace_back(address, value);
}

void Guest::start() {
  for (const auto& vcpu : vcpus_) {
    must(vcpu->start());
  }
}

void Guest::wait_for_accesses(std::size_t count) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience, [&] { return accesses_.size() >= count; })) {
    FAIL("only " << accesses_.size() << " of " << count << " accesses came; vCPU 0: "
                 << (ends_.at(0) ? "ended, " + ends_.at(0)->reason : "still runs"));
  }
}

VcpuEnd Guest::wait_for_end(std::uint32_t index) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kPatience, [&] { return ends_.at(index).has_value(); })) {
    FAIL("vCPU " << index << " didn't end");
  }
  return ends_.at(index)->end;
}

std::vector<Access> Guest::accesses() const {
  const std::lock_guard lock(mutex_);
  return accesses_;
}

std::string Guest::end_reason(std::uint32_t index) const {
  const std::lock_guard lock(mutex_);
  return ends_.at(index) ? ends_.at(index)->reason : std::string();
}

void Guest::record_read(Access::Kind kind, std::uint64_t address,
                        std::span<std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  for (const auto& [where, value] : answers_) {
    if (where == address) {
      std::memcpy(data.data(), &value, std::min(data.size(), sizeof(value)));
    }
  }
  accesses_.push_back({kind, address, to_value(data), data.size()});
  changed_.notify_all();
}

void Guest::record_write(Access::Kind kind, std::uint64_t address,
                         std::span<const std::byte> data) noexcept {
  const std::lock_guard lock(mutex_);
  accesses_.push_back({kind, address, to_value(data), data.size()});
  changed_.notify_all();
}

void Guest::on_port_read(std::uint16_t port, std::span<std::byte> data) noexcept {
  record_read(Access::Kind::kPortRead, port, data);
}

void Guest::on_port_write(std::uint16_t port, std::span<const std::byte> data) noexcept {
  record_write(Access::Kind::kPortWrite, port, data);
}

void Guest::on_mmio_read(std::uint64_t address, std::span<std::byte> data) noexcept {
  record_read(Access::Kind::kMmioRead, address, data);
}

void Guest::on_mmio_write(std::uint64_t address, std::span<const std::byte> data) noexcept {
  record_write(Access::Kind::kMmioWrite, address, data);
}

void Guest::on_vcpu_end(std::uint32_t index, VcpuEnd end, std::string reason) noexcept {
  const std::lock_guard lock(mutex_);
  ends_.at(index) = End{end, std::move(reason)};
  changed_.notify_all();
}

}  // namespace bothy::test
