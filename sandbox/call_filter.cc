#include "sandbox/call_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

namespace bothy::sandbox {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the architecture's AUDIT_ARCH_ number is missing here"
#endif

sock_filter statement(unsigned code, std::uint32_t value) noexcept {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}
sock_filter jump(unsigned test, std::uint32_t value, std::uint8_t yes, std::uint8_t no) noexcept {
  return {static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), yes, no, value};
}
sock_filter load(std::size_t offset) noexcept {
  return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

// Both architectures are little-endian: the lower half of an argument comes first.
std::size_t place_of(unsigned argument) noexcept {
  return offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t);
}

}  // namespace

// x32's system calls have numbers of their own (bit 30), which no list has.
CallFilter::CallFilter(std::span<const AllowedCall> calls) {
  const sock_filter kill = statement(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  const sock_filter allow = statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  program_ = {load(offsetof(seccomp_data, arch)), jump(BPF_JEQ, kArchitecture, 1, 0), kill,
              load(offsetof(seccomp_data, nr))};
  for (const AllowedCall& call : calls) {
    const auto number = static_cast<std::uint32_t>(call.number);
    if (call.without == 0) {
      program_.insert(program_.end(), {jump(BPF_JEQ, number, 0, 1), allow});
    } else {
      program_.insert(program_.end(), {jump(BPF_JEQ, number, 0, 4), load(place_of(call.argument)),
                                       jump(BPF_JSET, call.without, 0, 1), kill, allow});
    }
  }
  program_.push_back(kill);
}

const char* CallFilter::install() const noexcept {
  const sock_fprog program{static_cast<unsigned short>(program_.size()),
                           const_cast<sock_filter*>(program_.data())};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0
             ? nullptr
             : "can't filter system calls by seccomp (the kernel needs CONFIG_SECCOMP_FILTER)";
}

}  // namespace bothy::sandbox
