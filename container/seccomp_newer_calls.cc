#include "container/seccomp_newer_calls.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "container/seccomp_names.h"

namespace bothy::container {
namespace {

constexpr std::uint32_t kNoSuchCall = SECCOMP_RET_ERRNO | ENOSYS;
// Of x32's calls, and of -1, by which a tracer skips one: these the rest of the filter sees.
constexpr std::uint32_t kX32 = 0x40000000;

// A tracer answers calls that it doesn't know by itself.
bool lets_pass(SeccompAction action) {
  const std::uint32_t kind = action.value & SECCOMP_RET_ACTION_FULL;
  return kind == SECCOMP_RET_ALLOW || kind == SECCOMP_RET_LOG || kind == SECCOMP_RET_TRACE;
}

// -1: the architecture has none of the calls.
int newest_call(const SeccompProfile& profile, std::uint32_t architecture) {
  int newest = -1;
  for (const SeccompRule& rule : profile.rules) {
    for (const std::string& name : rule.names) {
      newest = std::max(newest, ::seccomp_syscall_resolve_name_arch(architecture, name.c_str()));
    }
  }
  return newest;
}

}  // namespace

std::vector<sock_filter> refuse_newer_calls(const SeccompProfile& profile) {
  std::vector<sock_filter> program;
  if (lets_pass(profile.default_action) || profile.default_action.value == kNoSuchCall) {
    return program;
  }
  std::vector<std::uint32_t> architectures{::seccomp_arch_native()};
  for (const std::string& name : profile.architectures) {
    const auto token = seccomp_architecture(name);
    if (token && *token != SCMP_ARCH_X32 && std::ranges::count(architectures, *token) == 0) {
      architectures.push_back(*token);
    }
  }
  for (const std::uint32_t architecture : architectures) {
    const int newest = newest_call(profile, architecture);
    if (newest < 0) {
      continue;
    }
    const sock_filter block[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, architecture, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, static_cast<std::uint32_t>(newest), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, kNoSuchCall),
    };
    program.insert(program.end(), std::begin(block), std::end(block));
  }
  return program;
}

}  // namespace bothy::container
