#include "tests/kvm/guest.h"

#include <sys/ioctl.h>

#include <array>
#include <cstring>

#include "tests/support/catch.h"
#include "tests/support/hang_limit.h"

namespace bothy::test {
namespace {

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

// Flat real mode with data segments of 4 GiB, from what the registers are after reset.
void enter_real_mode(int vcpu, GuestAddress address) {
  kvm_sregs sregs{};
  REQUIRE(::ioctl(vcpu, KVM_GET_SREGS, &sregs) == 0);
  sregs.cs.base = 0;
  sregs.cs.selector = 0;
  sregs.ds.limit = 0xffffffff;
  sregs.ds.g = 1;
  REQUIRE(::ioctl(vcpu, KVM_SET_SREGS, &sregs) == 0);
  kvm_regs regs{};
  regs.rip = address;
  regs.rflags = 2;
  REQUIRE(::ioctl(vcpu, KVM_SET_REGS, &regs) == 0);
}

void set_stack(int vcpu, GuestAddress address) {
  kvm_regs regs{};
  REQUIRE(::ioctl(vcpu, KVM_GET_REGS, &regs) == 0);
  regs.rsp = address;
  REQUIRE(::ioctl(vcpu, KVM_SET_REGS, &regs) == 0);
}

}  // namespace

Guest::Guest(std::span<const std::byte> payload, std::uint32_t vcpus, Mode mode) : ends_(vcpus) {
  const std::array ranges{MemoryRange{0, kGuestMemory}};
  memory_.emplace(must(GuestMemory::create(ranges, MemoryBacking::kAnonymous)));
  kvm_.emplace(must(Kvm::open()));
  vm_.emplace(must(Vm::create(*kvm_)));
  must(vm_->set_up(*kvm_, *memory_));
  must(arch::write_boot_tables(*memory_, arch::EntryProtocol::kPvh));
  REQUIRE(memory_->write_bytes(kPayloadAddress, payload));

  const auto model = must(arch::CpuModel::create(kvm_->fd(), vcpus, {}));
  for (std::uint32_t i = 0; i < vcpus; ++i) {
    auto vcpu = must(Vcpu::create(*kvm_, *vm_, i, *this));
    must(vcpu->set_up(model));
    vcpus_.push_back(std::move(vcpu));
  }
  if (mode == Mode::kReal) {
    enter_real_mode(vcpus_.front()->fd(), kPayloadAddress);
  } else {
    must(vcpus_.front()->set_entry({arch::EntryProtocol::kPvh, kPayloadAddress, 0}));
  }
  set_stack(vcpus_.front()->fd(), kPayloadAddress - 16);
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
  if (!changed_.wait_for(lock, test::kHangLimit, [&] { return accesses_.size() >= count; })) {
    FAIL("only " << accesses_.size() << " of " << count << " accesses came; vCPU 0: "
                 << (ends_.at(0) ? "ended, " + ends_.at(0)->reason : "still runs"));
  }
}

VcpuEnd Guest::wait_for_end(std::uint32_t index) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, test::kHangLimit, [&] { return ends_.at(index).has_value(); })) {
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
