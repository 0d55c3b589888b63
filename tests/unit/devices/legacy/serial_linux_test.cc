// The serial port as Linux's 8250 driver meets it.
#include "tests/support/catch.h"
#include "tests/unit/devices/legacy/serial_rig.h"

namespace bothy {

// What drivers/tty/serial/8250 does to find out what it has: every answer decides something.
TEST_CASE("Linux's autoconfig finds a 16550A") {
  SerialRig rig;
  // Is there a UART at all: IER keeps its low bits, and no others.
  rig.out(kIer, 0);
  CHECK((rig.in(kIer)&0x0fU) == 0);
  rig.out(kIer, 0x0f);
  CHECK((rig.in(kIer)&0x0fU) == 0x0f);
  rig.out(kIer, 0);

  // The loopback test: MSR must show MCR's outputs.
  const unsigned mcr = rig.in(kMcr);
  rig.out(kMcr, 0x1a);  // LOOP, OUT2, RTS
  CHECK((rig.in(kMsr)&0xf0U) == 0x90);
  rig.out(kMcr, mcr);
  CHECK((rig.in(kMsr)&0xf0U) == 0xb0);

  // An EFR would show behind LCR = 0xbf; then the FIFO decides between 8250, 16450, 16550 and
  // 16550A.
  rig.out(kLcr, 0xbf);
  rig.out(kFcr, 0);
  rig.out(kLcr, 0);
  rig.out(kFcr, 1);
  REQUIRE(rig.in(kIir) >> 6U == 3);

  // Not a 16650 (EFR would read as zero), not a National with a bank register at LCR = 0xe0.
  rig.out(kLcr, 0x80);
  CHECK(rig.in(kFcr) != 0);
  rig.out(kLcr, 0xbf);
  CHECK(rig.in(kFcr) != 0);
  rig.out(kLcr, 0);
  rig.out(kMcr, mcr ^ 0x10U);
  rig.out(kLcr, 0xe0);
  CHECK((rig.in(kFcr)&0x10U) == 0);
  rig.out(kLcr, 0);
  rig.out(kMcr, mcr);

  // Not a 16750: the 64-byte FIFO bit doesn't stick. Not an XScale: IER has no UUE.
  rig.out(kFcr, 0x21);
  CHECK((rig.in(kIir)&0xe0U) == 0xc0);
  rig.out(kLcr, 0x80);
  rig.out(kFcr, 0x21);
  CHECK((rig.in(kIir)&0xe0U) == 0xc0);
  rig.out(kLcr, 0);
  rig.out(kIer, 0x40);
  CHECK(rig.in(kIer) == 0);

  // The scratch register tells an 8250 from a 16450.
  rig.out(kScr, 0xa5);
  CHECK(rig.in(kScr) == 0xa5);
  rig.out(kScr, 0x5a);
  CHECK(rig.in(kScr) == 0x5a);

  // Clean-up: FIFOs cleared and off, and nothing was sent or interrupted.
  rig.out(kFcr, 7);
  rig.out(kFcr, 0);
  CHECK((rig.in(kLsr)&1U) == 0);
  CHECK(rig.in(kIir) == 1);
  CHECK(rig.sink.take().empty());
  CHECK_FALSE(rig.interrupted());
}

// serial8250_do_startup looks for two bugs that it would work around with a timer.
TEST_CASE("Linux's start-up finds a transmitter interrupt that works") {
  SerialRig rig;
  rig.out(kFcr, 7);
  rig.out(kFcr, 0);
  rig.out(kLcr, 3);
  for (int i = 0; i < 2; ++i) {  // UART_BUG_THRE: enabling must interrupt a second time too
    rig.out(kIer, 2);
    CHECK((rig.in(kIir)&1U) == 0);
    rig.out(kIer, 0);
  }
  rig.out(kMcr, 8);
  rig.out(kIer, 2);  // UART_BUG_TXEN
  CHECK(rig.in(kLsr) == 0x60);
  CHECK(rig.in(kIir) == 2);
  CHECK(rig.interrupted());
  CHECK(rig.in(kIir) == 1);
}

}  // namespace bothy
