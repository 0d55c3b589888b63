#include "guest/init/listening.h"

namespace bothy::init {

using namespace agent;

namespace {

Text next_word(Text& line) {
  while (line.size > 0 && line.data[0] == ' ') line.cut(' ');
  return line.cut(' ');
}

// Words of 32 bits, each as the processor has it.
bool is_any_or_loopback(Text address) {
  constexpr char kMapped[] = "0000000000000000FFFF0000";  // IPv4 addresses in IPv6
  if (address.size == 32 && address.starts_with(kMapped))
    address = Text(address.data + sizeof kMapped - 1, 8);
  return address == "00000000" || address == "0100007F" ||
         address == "00000000000000000000000000000000" ||
         address == "00000000000000000000000001000000";
}

// Four hexadecimal digits; 0 for anything else.
uint16_t port_of(Text digits) {
  if (digits.size != 4) return 0;
  uint32_t port = 0;
  for (size_t i = 0; i < digits.size; ++i) {
    const char c = digits.data[i];
    const bool decimal = c >= '0' && c <= '9';
    if (!decimal && (c < 'A' || c > 'F')) return 0;
    port = port * 16 + static_cast<uint32_t>(decimal ? c - '0' : c - 'A' + 10);
  }
  return static_cast<uint16_t>(port);
}

void add(uint16_t port, Ports& ports) {
  uint32_t at = 0;
  while (at < ports.count && ports.port[at] < port) ++at;
  if ((at < ports.count && ports.port[at] == port) || ports.count == kMaxPorts) return;
  memmove(ports.port + at + 1, ports.port + at, (ports.count - at) * sizeof port);
  ports.port[at] = port;
  ++ports.count;
}

}  // namespace

// "  0: 0100007F:1F90 00000000:0000 0A ...": number, own address, peer's address, state.
void add_listening(Text table, Ports& ports) {
  while (table.has('\n')) {
    Text line = table.cut('\n');
    next_word(line);
    Text own = next_word(line);
    next_word(line);
    const bool listens = next_word(line) == "0A";
    const Text address = own.cut(':');
    const uint16_t port = port_of(own);
    if (listens && port != 0 && is_any_or_loopback(address)) add(port, ports);
  }
}

bool same_ports(const Ports& one, const Ports& other) {
  return one.count == other.count &&
         memcmp(one.port, other.port, one.count * sizeof one.port[0]) == 0;
}

}  // namespace bothy::init
