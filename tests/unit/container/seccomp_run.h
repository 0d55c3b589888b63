// Runs seccomp filters as the kernel does: a classic BPF program over struct seccomp_data.
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace bothy::test {

struct SystemCall {
  long number = 0;
  std::array<std::uint64_t, 6> arguments{};
  std::uint32_t architecture = AUDIT_ARCH_X86_64;
};

inline std::uint32_t run_seccomp(const std::vector<sock_filter>& program, const SystemCall& call) {
  seccomp_data data{};
  data.nr = static_cast<int>(call.number);
  data.arch = call.architecture;
  std::memcpy(&data.args[0], call.arguments.data(), sizeof(data.args));

  std::uint32_t accumulator = 0;
  std::size_t next = 0;
  while (true) {
    const sock_filter& each = program.at(next++);
    const auto jump = [&](bool condition) { next += condition ? each.jt : each.jf; };
    switch (each.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (each.k % sizeof(accumulator) != 0 || each.k >= sizeof(data)) {
          throw std::out_of_range("a load past seccomp_data");
        }
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + each.k,
                    sizeof(accumulator));
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= each.k;
        break;
      case BPF_JMP | BPF_JA:
        next += each.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(accumulator == each.k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(accumulator > each.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(accumulator >= each.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((accumulator & each.k) != 0);
        break;
      case BPF_RET | BPF_K:
        return each.k;
      default:
        throw std::invalid_argument("an instruction that seccomp filters don't have");
    }
  }
}

constexpr std::uint32_t fails_with(int error_number) {
  return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error_number);
}

}  // namespace bothy::test
