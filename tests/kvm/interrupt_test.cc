// Interrupts into a guest, doorbells out of it, and more than one vCPU.
#include <algorithm>

#include "tests/kvm/guest.h"
#include "tests/support/catch.h"

namespace bothy::test {
namespace {

// Enables the local APIC, routes I/O APIC pin 20 to vector 0x30, and says 'R' when ready, 'I' per
// interrupt. In real
// mode with data segments of 4 GiB, where an emulating KVM delivers interrupts too.
BOTHY_PAYLOAD(take_interrupts, R"(
.code16
  movw $0x8000 + handler - take_interrupts, 0x30 * 4
  movw $0, 0x30 * 4 + 2
  mov $0xfee000f0, %ebx
  movl $0x1ff, (%ebx)
  mov $0xfec00000, %ebx
  movl $0x39, (%ebx)
  movl $0, 0x10(%ebx)
  movl $0x38, (%ebx)
  movl $0x30, 0x10(%ebx)
  mov $0xfee00000, %ebx
  mov $'R', %al
  out %al, $0x80
  sti
rest_here:
  hlt
  jmp rest_here
handler:
  mov $'I', %al
  out %al, $0x80
  movl $0, 0xb0(%ebx)
  iret
)");

BOTHY_PAYLOAD(ring_doorbells, R"(
  mov $0x600, %dx
  mov $1, %al
  out %al, %dx
  out %al, %dx
  movl $7, 0xd0000050
  movl $7, 0xd0000054
  out %al, $0x80
  hlt
)");

// The boot processor copies real-mode code to 0x9000 and sends INIT and SIPI to everybody else;
// each of them writes its APIC id (from CPUID leaf 1) to port 0x81.
BOTHY_PAYLOAD(start_others, R"(
  mov $0x8000 + trampoline - start_others, %esi
  mov $0x9000, %edi
  mov $trampoline_end - trampoline, %ecx
  cld
  rep movsb
  movl $0x1ff, 0xfee000f0
  movl $0xc4500, 0xfee00300
  movl $0xc4609, 0xfee00300
  mov $1, %eax
  cpuid
  shr $24, %ebx
  mov %ebx, %eax
  out %al, $0x81
  hlt
trampoline:
.code16
  mov $1, %eax
  cpuid
  shr $24, %ebx
  mov %ebx, %eax
  out %al, $0x81
rest:
  hlt
  jmp rest
trampoline_end:
)");

}  // namespace

TEST_CASE("A signal on an irqfd wakes a halted vCPU with its interrupt") {
  Guest guest(BOTHY_PAYLOAD_BYTES(take_interrupts), 1, Guest::Mode::kReal);
  const EventFd line = EventFd::create().value();
  REQUIRE(guest.vm().bind_irq(line, 20).has_value());  // beyond the 8259s, which are not set up
  guest.start();
  guest.wait_for_accesses(1);
  for (std::size_t i = 1; i <= 5; ++i) {
    line.signal();
    guest.wait_for_accesses(1 + i);
  }
  const auto accesses = guest.accesses();
  REQUIRE(accesses.size() == 6);
  CHECK(accesses.front().value == 'R');
  for (std::size_t i = 1; i < accesses.size(); ++i) {
    CHECK(accesses[i].value == 'I');
  }
}

TEST_CASE("The route table is KVM's default, and can be saved and restored") {
  Guest guest(BOTHY_PAYLOAD_BYTES(take_interrupts), 1, Guest::Mode::kReal);
  const auto table = guest.vm().interrupt_routes();
  const std::vector<InterruptRoute> saved(table.begin(), table.end());
  CHECK(saved.size() == 40);  // 24 pins of the I/O APIC, 16 of the 8259s
  REQUIRE(guest.vm().set_interrupt_routes(saved).has_value());
  const EventFd line = EventFd::create().value();
  REQUIRE(guest.vm().bind_irq(line, 20).has_value());
  guest.start();
  guest.wait_for_accesses(1);
  line.signal();
  guest.wait_for_accesses(2);
  CHECK(guest.accesses().back().value == 'I');
}

TEST_CASE("A signal on an irqfd can be a message-signalled interrupt") {
  constexpr std::uint32_t kGsi = 24;  // behind the pins
  Guest guest(BOTHY_PAYLOAD_BYTES(take_interrupts), 1, Guest::Mode::kReal);
  const auto table = guest.vm().interrupt_routes();
  std::vector<InterruptRoute> routes(table.begin(), table.end());
  routes.push_back({kGsi, MsiMessage{0xfee00000, 0x30}});
  REQUIRE(guest.vm().set_interrupt_routes(routes).has_value());
  CHECK(std::ranges::equal(guest.vm().interrupt_routes(), routes));
  const EventFd event = EventFd::create().value();
  REQUIRE(guest.vm().bind_irq(event, kGsi).has_value());
  guest.start();
  guest.wait_for_accesses(1);
  event.signal();
  guest.wait_for_accesses(2);
  CHECK(guest.accesses().back().value == 'I');
}

TEST_CASE("A doorbell signals its eventfd and never reaches the handler") {
  Guest guest(BOTHY_PAYLOAD_BYTES(ring_doorbells));
  const EventFd port_doorbell = EventFd::create().value();
  const EventFd mmio_doorbell = EventFd::create().value();
  REQUIRE(guest.vm().bind_pio_doorbell(port_doorbell, 0x600, 1).has_value());
  REQUIRE(guest.vm().bind_mmio_doorbell(mmio_doorbell, 0xd0000050, 4).has_value());
  guest.start();
  guest.wait_for_accesses(2);
  CHECK(port_doorbell.drain() == 2);
  CHECK(mmio_doorbell.drain() == 1);
  const std::vector<Access> expected{{Access::Kind::kMmioWrite, 0xd0000054, 7, 4},
                                     {Access::Kind::kPortWrite, 0x80, 1, 1}};
  CHECK(guest.accesses() == expected);
}

TEST_CASE("Every vCPU starts on INIT and SIPI and knows its own APIC id") {
  constexpr std::uint32_t kVcpus = 4;
  Guest guest(BOTHY_PAYLOAD_BYTES(start_others), kVcpus);
  guest.start();
  guest.wait_for_accesses(kVcpus);
  std::vector<bool> seen(kVcpus, false);
  for (const Access& access : guest.accesses()) {
    REQUIRE(access.value < kVcpus);
    seen[access.value] = true;
  }
  CHECK(seen == std::vector<bool>(kVcpus, true));
}

}  // namespace bothy::test
