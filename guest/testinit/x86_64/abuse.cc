// A hostile guest: every port and many physical addresses, with all widths and odd values. Ports
// and addresses that end the machine by design (power, reset, panic notification) are left out, so
// that any end is a fault of the monitor.
#include "../actions.h"
#include "ports.h"

namespace testinit {
namespace {

constexpr unsigned kPorts = 65536;
constexpr Size kPage = 4096;

// Excluded ports, one bit each, and excluded MMIO pages.
unsigned char spared[kPorts / 8];
unsigned long spared_pages[16];
unsigned spared_page_count = 0;

void spare(unsigned long first, unsigned long last) {
  for (unsigned long port = first; port <= last && port < kPorts; ++port) {
    spared[port / 8] = static_cast<unsigned char>(spared[port / 8] | 1u << port % 8);
  }
}

bool is_spared(unsigned first, unsigned width) {
  for (unsigned port = first; port < first + width; ++port) {
    if (port >= kPorts || (spared[port / 8] >> port % 8 & 1) != 0) return true;
  }
  return false;
}

void spare_page(unsigned long address) {
  if (spared_page_count < sizeof spared_pages / sizeof spared_pages[0]) {
    spared_pages[spared_page_count++] = address & ~(kPage - 1);
  }
}

// A generic address structure of ACPI: its space in byte 0, the address from byte 4
// (ACPI 6.4, 5.2.3.2).
void spare_register(Text table, Size offset) {
  if (offset + 12 > table.size) return;
  unsigned long address = 0;
  for (Size i = 0; i < 8; ++i) {
    address |= static_cast<unsigned long>(static_cast<unsigned char>(table.data[offset + 4 + i]))
               << i * 8;
  }
  constexpr char kSystemMemory = 0;
  if (address == 0) return;
  if (table.data[offset] == kSystemMemory) {
    spare_page(address);
  } else {
    spare(address, address + 3);
  }
}

void spare_what_ends_the_machine(Text command_line) {
  // The ports of PCs and other monitors: resets by i8042, port A and PCI, QEMU's debug exits and
  // ACPI registers.
  spare(0x64, 0x64);
  spare(0x92, 0x92);
  spare(0xf4, 0xf4);
  spare(0x501, 0x501);
  spare(0x505, 0x505);
  spare(0x600, 0x60f);
  spare(0xcf9, 0xcf9);

  // The registers in this machine's ACPI tables: reset, PM1 control, sleep control and status
  // (ACPI 6.4, 5.2.9).
  static char table[4096];
  const Text fadt = read_file("/sys/firmware/acpi/tables/FACP", table);
  spare_register(fadt, 116);
  spare_register(fadt, 172);
  spare_register(fadt, 184);
  spare_register(fadt, 244);
  spare_register(fadt, 256);

  // The panic device, by its name in /proc/ioports.
  for (Text ports = read_file("/proc/ioports", table); ports.size > 0;) {
    Text line = ports.cut('\n');
    if (!line.contains("QEMU0001") && !line.contains("pvpanic")) continue;
    Text range = line.trimmed().cut(' ');
    const unsigned long first = range.cut('-').number(16);
    spare(first, range.number(16));
  }
  for (Text areas = read_file("/proc/iomem", table); areas.size > 0;) {
    const Text line = areas.cut('\n');
    if (line.contains("QEMU0001") || line.contains("pvpanic"))
      spare_page(line.trimmed().number(16));
  }

  // Ports that the test excludes: testinit.spare_ports=FIRST-LAST,FIRST-LAST in hexadecimal.
  Text list = word(command_line, "testinit.spare_ports=", "");
  while (list.size > 0) {
    Text range = list.cut(',');
    const unsigned long first = range.cut('-').number(16);
    spare(first, range.size > 0 ? range.number(16) : first);
  }
}

constexpr unsigned kValues[] = {0x00000000, 0xffffffff, 0x80808080,
                                0x55aa55aa, 0x0000007b, 0x01020408};

void abuse_port(Port port, unsigned round) {
  static unsigned char scratch[1024];
  const unsigned value = kValues[round % (sizeof kValues / sizeof kValues[0])];
  if (is_spared(port, 1)) return;
  out8(port, static_cast<unsigned char>(value));
  in8(port);
  if (!is_spared(port, 2)) {
    out16(port, static_cast<unsigned short>(value));
    in16(port);
  }
  if (is_spared(port, 4)) return;
  out32(port, value);
  in32(port);
  // String instructions cost the most: one port in 64 gets them, a different one each round.
  if (port % 64 != round % 64) return;
  out_string8(port, scratch, sizeof scratch);
  in_string8(port, scratch, sizeof scratch);
  out_string32(port, scratch, sizeof scratch / 4);
  in_string32(port, scratch, sizeof scratch / 4);
}

// The console is needed for the result, and the kernel needs the interrupt controllers and the
// clock.
constexpr unsigned kSerial = 0x3f8;
struct Serial {
  unsigned char interrupts, line, modem, divisor_low, divisor_high;
};

Serial save_serial() {
  Serial saved{};
  saved.line = in8(kSerial + 3);
  saved.modem = in8(kSerial + 4);
  out8(kSerial + 3, static_cast<unsigned char>(saved.line | 0x80));
  saved.divisor_low = in8(kSerial);
  saved.divisor_high = in8(kSerial + 1);
  out8(kSerial + 3, saved.line);
  saved.interrupts = in8(kSerial + 1);
  return saved;
}

void restore_serial(const Serial& saved) {
  out8(kSerial + 3, static_cast<unsigned char>(saved.line | 0x80));
  out8(kSerial, saved.divisor_low);
  out8(kSerial + 1, saved.divisor_high);
  out8(kSerial + 3, saved.line);
  out8(kSerial + 2, 0x07);
  out8(kSerial + 4, saved.modem);
  out8(kSerial + 1, saved.interrupts);
}

// Restores the interrupt controllers' masks.
struct Masks {
  unsigned char first, second;
};
Masks save_masks() {
  return {in8(0x21), in8(0xa1)};
}
void restore_masks(Masks saved) {
  out8(0x20, 0x11);
  out8(0x21, 0x30);
  out8(0x21, 0x04);
  out8(0x21, 0x01);
  out8(0xa0, 0x11);
  out8(0xa1, 0x38);
  out8(0xa1, 0x02);
  out8(0xa1, 0x01);
  out8(0x21, saved.first);
  out8(0xa1, saved.second);
}

// Offsets of the doorbell, status and configuration of a virtio-mmio window, and the edges of a
// page.
constexpr Size kOffsets[] = {0, 0x50, 0x70, 0x100, 0xff8};
constexpr unsigned kMemoryValues[] = {0xffffffff, 0x55aa55aa, 0};

// False where the kernel refuses the page.
bool abuse_page(int memory, unsigned long address) {
  for (unsigned i = 0; i < spared_page_count; ++i) {
    if (spared_pages[i] == (address & ~(kPage - 1))) return false;
  }
  void* page = map(kPage, memory, address);
  if (page == nullptr) return false;
  auto* bytes = static_cast<volatile unsigned char*>(page);
  for (const Size offset : kOffsets) {
    for (const unsigned value : kMemoryValues) {
      *reinterpret_cast<volatile unsigned long*>(bytes + offset) = value * 0x100000001UL;
      *reinterpret_cast<volatile unsigned*>(bytes + offset) = value;
      *reinterpret_cast<volatile unsigned short*>(bytes + offset + 1) =
          static_cast<unsigned short>(value);
      bytes[offset + 3] = static_cast<unsigned char>(value);
    }
    (void)*reinterpret_cast<volatile unsigned long*>(bytes + offset);
    (void)*reinterpret_cast<volatile unsigned*>(bytes + offset + 2);
    (void)*reinterpret_cast<volatile unsigned short*>(bytes + offset + 1);
    (void)bytes[offset + 7];
  }
  unmap(page, kPage);
  return true;
}

unsigned long abuse_memory() {
  const int memory = open("/dev/mem", kReadWrite | kSync);
  if (memory < 0) return 0;
  // Exclude the kernel's interrupt hardware: IOAPIC, HPET, local APIC.
  spare_page(0xfec00000);
  spare_page(0xfed00000);
  spare_page(0xfee00000);
  unsigned long pages = 0;
  for (unsigned long at = 0xa0000; at < 0x100000; at += 0x8000) pages += abuse_page(memory, at);
  // RAM is refused by the kernel, so this sweeps what lies between RAM and 4 GiB.
  for (unsigned long at = 0x80000000; at < 0x100000000; at += 0x1000000)
    pages += abuse_page(memory, at);
  for (unsigned long at = 0xfe000000; at < 0x100000000; at += 0x10000)
    pages += abuse_page(memory, at);
  for (unsigned long at = 1UL << 36; at < 1UL << 52; at <<= 1)
    pages += abuse_page(memory, at - kPage);
  close(memory);
  return pages;
}

}  // namespace

void abuse_machine(Text command_line) {
  if (syscall(__NR_iopl, 3) != 0) {
    say("ports refused by the kernel");
    return;
  }
  spare_what_ends_the_machine(command_line);
  const Serial serial = save_serial();
  const Masks masks = save_masks();
  const unsigned long rounds = word(command_line, "testinit.rounds=", "1").number();
  for (unsigned round = 0; round < rounds; ++round) {
    for (unsigned port = 0; port < kPorts; ++port) abuse_port(static_cast<Port>(port), round);
  }
  restore_masks(masks);
  restore_serial(serial);
  Line().add("\ntestinit: ports=").add(rounds * kPorts).print();
  const unsigned long pages = abuse_memory();
  Line().add("testinit: mmio_pages=").add(pages).print();
}

}  // namespace testinit
