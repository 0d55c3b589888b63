#include "devices/virtio/net/control.h"

#include "devices/virtio/net/layout.h"

namespace bothy::virtio {
namespace {

// One table of addresses. Its entries have no effect.
bool skip_mac_table(Reader& reader) noexcept {
  const auto entries = reader.read<std::uint32_t>();
  if (!entries || *entries > reader.remaining() / std::tuple_size_v<MacAddress>) {
    return false;
  }
  for (std::uint64_t left = *entries * std::tuple_size_v<MacAddress>; left > 0;) {
    const std::size_t length = reader.front(left).size();
    reader.advance(length);
    left -= length;
  }
  return true;
}

bool serve_mac(std::uint8_t command, Reader& reader, NetControlTarget& target) {
  if (command == kNetMacTableSet) {
    return skip_mac_table(reader) && skip_mac_table(reader);
  }
  if (command == kNetMacAddressSet) {
    const auto mac = reader.read<MacAddress>();
    return mac && target.set_mac(*mac);
  }
  return false;
}

bool serve(Reader& reader, NetControlTarget& target) {
  const auto command = reader.read<NetCommand>();
  if (!command) {
    return false;
  }
  switch (command->group) {
    case kNetGroupRx:
      return command->number <= kNetRxLast && reader.read<std::uint8_t>();
    case kNetGroupMac:
      return serve_mac(command->number, reader, target);
    case kNetGroupMultiQueue: {
      const auto pairs = reader.read<std::uint16_t>();
      return command->number == kNetPairsSet && pairs && target.set_pairs(*pairs);
    }
    case kNetGroupGuestOffloads: {
      const auto features = reader.read<std::uint64_t>();
      return command->number == kNetGuestOffloadsSet && features &&
             target.set_guest_offloads(*features);
    }
    default:
      return false;
  }
}

}  // namespace

void serve_net_control(Chain chain, NetControlTarget& target) noexcept {
  Reader reader = chain.reader();
  Writer writer = chain.writer();
  // A command without a byte for the answer is not executed.
  if (writer.remaining() == 0) {
    return chain.complete(0);
  }
  const bool done = serve(reader, target);
  static_cast<void>(writer.write(done ? kNetOk : kNetError));
  chain.complete(sizeof(kNetOk));
}

}  // namespace bothy::virtio
