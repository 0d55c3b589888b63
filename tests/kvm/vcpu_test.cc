// A vCPU's run loop: accesses, ends, pausing, stopping.
#include "vmm/kvm/vcpu.h"

#include "arch/cpu_report.h"
#include "tests/kvm/guest.h"
#include "tests/support/catch.h"

namespace bothy::test {
namespace {

using Kind = Access::Kind;

BOTHY_PAYLOAD(port_io, R"(
  mov $0x510, %dx
  mov $0x12345678, %eax
  out %al, %dx
  out %ax, %dx
  out %eax, %dx
  in (%dx), %al
  in (%dx), %ax
  in (%dx), %eax
  out %eax, $0x80
  mov $0x8000 + text - port_io, %esi
  mov $3, %ecx
  cld
  rep outsb
  hlt
text: .ascii "abc"
)");

BOTHY_PAYLOAD(mmio, R"(
  movb $0x11, 0xd0000000
  movw $0x2222, 0xd0000010
  movl $0x33333333, 0xd0000020
  mov 0xd0000030, %eax
  mov %eax, 0xd0000040
  mov 0xfffff000, %al
  out %al, $0x80
  hlt
)");

BOTHY_PAYLOAD(triple_fault, R"(
  mov $0x5ca1ab1e, %ebx
  lidt 0x8000 + null_idt - triple_fault
  mov $0xfff8, %eax
  mov %eax, %ds
null_idt: .word 0
  .long 0
)");

BOTHY_PAYLOAD(halt_forever, R"(
  out %al, $0x80
again:
  hlt
  jmp again
)");

BOTHY_PAYLOAD(count_forever, R"(
  xor %eax, %eax
again2:
  inc %eax
  out %eax, $0x80
  jmp again2
)");

}  // namespace

TEST_CASE("Port accesses arrive with their width, direction and value") {
  Guest guest(BOTHY_PAYLOAD_BYTES(port_io));
  guest.answer(0x510, 0xcafebabe);
  guest.start();
  guest.wait_for_accesses(10);
  const std::vector<Access> expected{
      {Kind::kPortWrite, 0x510, 0x78, 1},       {Kind::kPortWrite, 0x510, 0x5678, 2},
      {Kind::kPortWrite, 0x510, 0x12345678, 4}, {Kind::kPortRead, 0x510, 0xbe, 1},
      {Kind::kPortRead, 0x510, 0xbabe, 2},      {Kind::kPortRead, 0x510, 0xcafebabe, 4},
      {Kind::kPortWrite, 0x80, 0xcafebabe, 4},  {Kind::kPortWrite, 0x510, 'a', 1},
      {Kind::kPortWrite, 0x510, 'b', 1},        {Kind::kPortWrite, 0x510, 'c', 1},
  };
  CHECK(guest.accesses() == expected);
}

TEST_CASE("MMIO accesses arrive, and unanswered reads return ones") {
  Guest guest(BOTHY_PAYLOAD_BYTES(mmio));
  guest.answer(0xd0000030, 0x01020304);
  guest.start();
  guest.wait_for_accesses(7);
  const std::vector<Access> expected{
      {Kind::kMmioWrite, 0xd0000000, 0x11, 1},
      {Kind::kMmioWrite, 0xd0000010, 0x2222, 2},
      {Kind::kMmioWrite, 0xd0000020, 0x33333333, 4},
      {Kind::kMmioRead, 0xd0000030, 0x01020304, 4},
      {Kind::kMmioWrite, 0xd0000040, 0x01020304, 4},
      {Kind::kMmioRead, 0xfffff000, 0xff, 1},
      {Kind::kPortWrite, 0x80, 0xff, 1},
  };
  CHECK(guest.accesses() == expected);
}

TEST_CASE("A triple fault ends the vCPU, with its state to report") {
  Guest guest(BOTHY_PAYLOAD_BYTES(triple_fault));
  guest.start();
  const VcpuEnd end = guest.wait_for_end();
  INFO(guest.end_reason());
  CHECK(end == VcpuEnd::kTripleFault);
  guest.vcpu().join();
  CHECK(guest.vcpu().state() == Vcpu::State::kEnded);
  const kvm_regs regs = guest.vcpu().registers().value();
  const kvm_sregs sregs = guest.vcpu().system_registers().value();
  if (arch::is_reset_state(regs, sregs)) {
    SUCCEED("this processor leaves nothing of the fault");
  } else {
    CHECK(regs.rbx == 0x5ca1ab1e);
    CHECK(regs.rip >= kPayloadAddress);
    CHECK(regs.rip < kPayloadAddress + 32);
  }
}

TEST_CASE("A halted vCPU can be stopped at once") {
  Guest guest(BOTHY_PAYLOAD_BYTES(halt_forever));
  guest.start();
  guest.wait_for_accesses(1);
  guest.vcpu().stop();
  CHECK(guest.wait_for_end() == VcpuEnd::kStopped);
  guest.vcpu().join();
}

TEST_CASE("A paused vCPU makes no progress, and continues after resume()") {
  Guest guest(BOTHY_PAYLOAD_BYTES(count_forever));
  guest.start();
  guest.wait_for_accesses(10);
  for (int round = 0; round < 20; ++round) {
    guest.vcpu().pause();
    REQUIRE(guest.vcpu().state() == Vcpu::State::kPaused);
    const std::size_t seen = guest.accesses().size();
    // Its last write is complete: the register is that of the next instruction.
    const kvm_regs regs = guest.vcpu().registers().value();
    CHECK((regs.rax == seen || regs.rax == seen + 1));
    CHECK(guest.accesses().size() == seen);
    guest.vcpu().resume();
    guest.wait_for_accesses(seen + 3);
  }
  const auto accesses = guest.accesses();
  bool in_order = true;
  for (std::size_t i = 0; i < accesses.size(); ++i) {
    in_order = in_order && accesses[i].value == i + 1;
  }
  CHECK(in_order);
  guest.vcpu().pause();
  guest.vcpu().stop();
  CHECK(guest.wait_for_end() == VcpuEnd::kStopped);
  CHECK(guest.vcpu().exit_counts().port_writes == 0 + guest.accesses().size());
}

TEST_CASE("A vCPU may be paused again before it has noticed the resume") {
  Guest guest(BOTHY_PAYLOAD_BYTES(halt_forever));
  guest.start();
  guest.wait_for_accesses(1);
  for (int round = 0; round < 200; ++round) {
    guest.vcpu().pause();
    REQUIRE(guest.vcpu().state() == Vcpu::State::kPaused);
    guest.vcpu().resume();
  }
}

}  // namespace bothy::test
