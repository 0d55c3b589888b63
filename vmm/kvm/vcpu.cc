#include "vmm/kvm/vcpu.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include "base/signals.h"
#include "base/thread_role.h"
#include "vmm/kvm/exit_reason.h"

namespace bothy {
namespace {

Result<void> with_index(Result<void> result, std::uint32_t index) {
  if (!result) {
    return Error{result.error().code, fmt::format("vCPU {}: {}", index, result.error().context)};
  }
  return success();
}

}  // namespace

ExitCounts& ExitCounts::operator+=(const ExitCounts& other_counts) noexcept {
  port_reads += other_counts.port_reads;
  port_writes += other_counts.port_writes;
  mmio_reads += other_counts.mmio_reads;
  mmio_writes += other_counts.mmio_writes;
  interrupted += other_counts.interrupted;
  other += other_counts.other;
  return *this;
}

Vcpu::Vcpu(std::uint32_t index, UniqueFd fd, Mapping run_mapping, VcpuHandler& handler) noexcept
    : index_(index), fd_(std::move(fd)), run_mapping_(std::move(run_mapping)), handler_(handler) {}

Vcpu::~Vcpu() {
  stop();
  join();
}

Result<std::unique_ptr<Vcpu>> Vcpu::create(const Kvm& kvm, const Vm& vm, std::uint32_t index,
                                           VcpuHandler& handler) {
  BOTHY_TRY(install_wake_handler());
  BOTHY_TRY(UniqueFd fd, vm.create_vcpu(index));
  BOTHY_TRY(Mapping mapping,
            Mapping::map(kvm.vcpu_mapping_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0,
                         fmt::format("can't map vCPU {}'s run area", index)));
  return std::unique_ptr<Vcpu>(new Vcpu(index, std::move(fd), std::move(mapping), handler));
}

Result<void> Vcpu::set_up(const arch::CpuModel& model) {
  return with_index(model.set_up(fd_.get(), index_), index_);
}

Result<void> Vcpu::set_entry(const arch::CpuEntry& entry) {
  return with_index(arch::set_entry(fd_.get(), entry), index_);
}

Result<void> Vcpu::start() {
  {
    const std::lock_guard lock(mutex_);
    assert(state_ == State::kCreated);
    state_ = State::kRunning;
  }
  try {
    thread_ = std::thread([this] { thread_main(); });
  } catch (const std::system_error& error) {
    const std::lock_guard lock(mutex_);
    state_ = State::kEnded;
    return errno_error(fmt::format("can't start the thread of vCPU {}", index_),
                       error.code().value());
  }
  return success();
}

void Vcpu::request(Request what) noexcept {
  request_.store(what, std::memory_order_seq_cst);
  // The kernel reads it on entry, so a request just before KVM_RUN is not lost. Pairs with the
  // clearing in run_until_request(), which comes before request_ is read again.
  __atomic_store_n(&run().immediate_exit, std::uint8_t{1}, __ATOMIC_SEQ_CST);
}

void Vcpu::pause() {
  if (!thread_.joinable()) {
    return;
  }
  request(Request::kPause);
  ::pthread_kill(thread_.native_handle(), wake_signal());
  std::unique_lock lock(mutex_);
  state_changed_.wait(lock, [this] { return state_ == State::kPaused || state_ == State::kEnded; });
}

void Vcpu::resume() {
  // Under the mutex, or the waiting thread could read the old request and then sleep past the
  // notification.
  const std::lock_guard lock(mutex_);
  if (request_.load() == Request::kPause) {
    request_.store(Request::kRun);
  }
  state_changed_.notify_all();
}

void Vcpu::stop() noexcept {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    request(Request::kStop);
  }
  state_changed_.notify_all();
  ::pthread_kill(thread_.native_handle(), wake_signal());
}

void Vcpu::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

Vcpu::State Vcpu::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Result<kvm_regs> Vcpu::registers() const {
  kvm_regs regs{};
  if (::ioctl(fd_.get(), KVM_GET_REGS, &regs) < 0) {
    return errno_error(fmt::format("can't read the registers of vCPU {}", index_));
  }
  return regs;
}

Result<kvm_sregs> Vcpu::system_registers() const {
  kvm_sregs sregs{};
  if (::ioctl(fd_.get(), KVM_GET_SREGS, &sregs) < 0) {
    return errno_error(fmt::format("can't read the system registers of vCPU {}", index_));
  }
  return sregs;
}

bool Vcpu::is_halted() const noexcept {
  kvm_mp_state state{};
  return ::ioctl(fd_.get(), KVM_GET_MP_STATE, &state) == 0 &&
         state.mp_state != KVM_MP_STATE_RUNNABLE;
}

void Vcpu::thread_main() noexcept {
  block_signals_in_worker();
  ::pthread_setname_np(::pthread_self(), fmt::format("vcpu-{}", index_).c_str());
  enter_role(ThreadRole::kVcpu);
  first_run_ = std::chrono::steady_clock::now();

  VcpuEnd end = VcpuEnd::kStopped;
  std::string reason;
  while (!run_until_request(end, reason)) {
    if (!wait_while_paused()) {
      break;
    }
  }
  handler_.on_vcpu_end(index_, end, std::move(reason));
  const std::lock_guard lock(mutex_);
  state_ = State::kEnded;
  state_changed_.notify_all();
}

bool Vcpu::wait_while_paused() {
  complete_pending_access();
  std::unique_lock lock(mutex_);
  if (request_.load() == Request::kPause) {
    state_ = State::kPaused;
    state_changed_.notify_all();
    state_changed_.wait(lock, [this] { return request_.load() != Request::kPause; });
    state_ = State::kRunning;
  }
  return request_.load() != Request::kStop;
}

void Vcpu::complete_pending_access() noexcept {
  __atomic_store_n(&run().immediate_exit, std::uint8_t{1}, __ATOMIC_SEQ_CST);
  [[maybe_unused]] const int result = ::ioctl(fd_.get(), KVM_RUN, 0);
}

bool Vcpu::run_until_request(VcpuEnd& end, std::string& reason) noexcept {
  __atomic_store_n(&run().immediate_exit, std::uint8_t{0}, __ATOMIC_SEQ_CST);
  while (request_.load(std::memory_order_seq_cst) == Request::kRun) {
    if (::ioctl(fd_.get(), KVM_RUN, 0) == 0) {
      if (handle_exit(end, reason)) {
        return true;
      }
      continue;
    }
    if (errno != EINTR && errno != EAGAIN) {
      end = VcpuEnd::kFailed;
      reason = errno_error("KVM_RUN failed").context;
      return true;
    }
    ++counts_.interrupted;
    __atomic_store_n(&run().immediate_exit, std::uint8_t{0}, __ATOMIC_SEQ_CST);
  }
  return false;
}

bool Vcpu::handle_exit(VcpuEnd& end, std::string& reason) noexcept {
  switch (run().exit_reason) {
    case KVM_EXIT_IO:
      handle_port_access();
      return false;
    case KVM_EXIT_MMIO:
      handle_mmio();
      return false;
    case KVM_EXIT_INTR:
      ++counts_.interrupted;
      return false;
    case KVM_EXIT_SHUTDOWN:
      ++counts_.other;
      end = VcpuEnd::kTripleFault;
      return true;
    case KVM_EXIT_SYSTEM_EVENT:
      ++counts_.other;
      return handle_system_event(end, reason);
    default:
      ++counts_.other;
      end = VcpuEnd::kFailed;
      reason = describe_exit(run());
      return true;
  }
}

void Vcpu::handle_port_access() noexcept {
  const auto& io = run().io;
  std::byte* data = run_mapping_.data() + io.data_offset;
  const bool in = io.direction == KVM_EXIT_IO_IN;
  ++(in ? counts_.port_reads : counts_.port_writes);
  // `count` is above one for a string instruction (INS, OUTS): the same port, element after
  // element.
  for (std::uint32_t i = 0; i < io.count; ++i, data += io.size) {
    const std::span<std::byte> element(data, io.size);
    if (in) {
      std::memset(data, 0xff, io.size);
      handler_.on_port_read(io.port, element);
    } else {
      handler_.on_port_write(io.port, element);
    }
  }
}

void Vcpu::handle_mmio() noexcept {
  auto& mmio = run().mmio;
  const std::span<std::byte> data(reinterpret_cast<std::byte*>(mmio.data),
                                  std::min<std::size_t>(mmio.len, sizeof(mmio.data)));
  if (mmio.is_write != 0) {
    ++counts_.mmio_writes;
    handler_.on_mmio_write(mmio.phys_addr, data);
  } else {
    ++counts_.mmio_reads;
    std::memset(data.data(), 0xff, data.size());
    handler_.on_mmio_read(mmio.phys_addr, data);
  }
}

bool Vcpu::handle_system_event(VcpuEnd& end, std::string& reason) noexcept {
  switch (run().system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
      end = VcpuEnd::kPowerOff;
      return true;
    case KVM_SYSTEM_EVENT_RESET:
      end = VcpuEnd::kReset;
      return true;
    case KVM_SYSTEM_EVENT_CRASH:
      end = VcpuEnd::kCrash;
      return true;
    default:
      end = VcpuEnd::kFailed;
      reason = fmt::format("KVM reports system event {}", run().system_event.type);
      return true;
  }
}

}  // namespace bothy
