// The registers that a guest may not touch.
#include "tests/kvm/guest.h"
#include "tests/support/catch.h"

namespace bothy::test {
namespace {

// Says of four accesses whether they have raised #GP, 'G', or passed, 'p'. KVM itself would let all
// of them pass: the page attributes, the count of system management interrupts, an update of the
// microcode, and the time stamp counter.
BOTHY_PAYLOAD(touch_msrs, R"(
.code16
  movw $0x8000 + refused - touch_msrs, 13 * 4
  movw $0, 13 * 4 + 2
  mov $'p', %bl
  mov $0x277, %ecx
  rdmsr
  wrmsr
  mov %bl, %al
  out %al, $0x80
  mov $'p', %bl
  mov $0x34, %ecx
  rdmsr
  mov %bl, %al
  out %al, $0x80
  mov $'p', %bl
  xor %eax, %eax
  xor %edx, %edx
  mov $0x79, %ecx
  wrmsr
  mov %bl, %al
  out %al, $0x80
  mov $'p', %bl
  mov $0x10, %ecx
  rdmsr
  mov %bl, %al
  out %al, $0x80
  hlt
refused:
  mov %sp, %bp
  addw $2, (%bp)
  mov $'G', %bl
  iret
)");

}  // namespace

TEST_CASE("An MSR that the policy denies raises #GP, another one doesn't") {
  Guest guest(BOTHY_PAYLOAD_BYTES(touch_msrs), 1, Guest::Mode::kReal);
  guest.start();
  guest.wait_for_accesses(4);
  std::string said;
  for (const Access& access : guest.accesses()) {
    said += static_cast<char>(access.value);
  }
  CHECK(said == "pGGp");
}

}  // namespace bothy::test
