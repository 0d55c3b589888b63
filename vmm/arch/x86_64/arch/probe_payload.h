// A guest of a few instructions, to find out how this host executes guests. Raw bytes: 32-bit
// flat protected mode, position-independent.
#pragma once

#include <linux/kvm.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "arch/vcpu_state.h"

namespace bothy::arch {

// Uses vector registers, as every Linux does, and falls into kCountPayload.
inline constexpr std::array<std::uint8_t, 23> kVectorPayload{
    0x0f, 0x20, 0xe0,              // mov %cr4, %eax
    0x0d, 0x00, 0x06, 0x00, 0x00,  // or $0x600, %eax: OSFXSR and OSXMMEXCPT
    0x0f, 0x22, 0xe0,              // mov %eax, %cr4
    0x66, 0x0f, 0xef, 0xc0,        // pxor %xmm0, %xmm0
    0x66, 0x0f, 0xfe, 0xc0,        // paddd %xmm0, %xmm0
    0x66, 0x0f, 0x7e, 0xc3,        // movd %xmm0, %ebx
};

// Reports its start by a write to a port, then counts for ever.
inline constexpr std::array<std::uint8_t, 7> kCountPayload{
    0x31, 0xdb,  // xor %ebx, %ebx
    0xe6, 0x80,  // out %al, $0x80
    0x43,        // 1: inc %ebx
    0xeb, 0xfd,  // jmp 1b
};

[[nodiscard]] inline CpuEntry payload_entry(GuestAddress address) noexcept {
  return {EntryProtocol::kPvh, address, 0};
}

inline constexpr std::uint64_t kInstructionsPerCount = 2;

[[nodiscard]] inline std::uint64_t payload_count(const kvm_regs& regs) noexcept {
  return regs.rbx;
}

}  // namespace bothy::arch
