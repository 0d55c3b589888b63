#include "sandbox/call_filter.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/rule.h"

namespace bothy::sandbox {
namespace {

constexpr std::uint16_t kJumpIfAnyBit = BPF_JMP | BPF_JSET | BPF_K;

}  // namespace

// x32's system calls have numbers of their own (bit 30), which no list has.
CallFilter::CallFilter(std::span<const AllowedCall> calls) {
  const sock_filter kill{kReturn, 0, 0, SECCOMP_RET_KILL_PROCESS};
  const sock_filter allow{kReturn, 0, 0, SECCOMP_RET_ALLOW};
  program_ = {{kLoad, 0, 0, kArchitectureOffset},
              {kJumpIfEqual, 1, 0, kArchitecture},
              kill,
              {kLoad, 0, 0, kNumberOffset}};
  for (const AllowedCall& call : calls) {
    const auto number = static_cast<std::uint32_t>(call.number);
    if (call.without == 0) {
      program_.insert(program_.end(), {{kJumpIfEqual, 0, 1, number}, allow});
    } else {
      program_.insert(program_.end(), {{kJumpIfEqual, 0, 4, number},
                                       {kLoad, 0, 0, low_offset(call.argument)},
                                       {kJumpIfAnyBit, 0, 1, call.without},
                                       kill,
                                       allow});
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
