#include "devices/host/net/passt_on_demand.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/socket_pair.h"
#include "base/unique_fd.h"

namespace bothy {
namespace {

constexpr int kPasstEnd = 4;  // in the companion

// In an Ethernet frame: after two addresses, big-endian.
constexpr std::size_t kEtherType = PacketPort::kHeader + 12;
constexpr unsigned kIpv6 = 0x86dd;

std::byte byte_at(std::span<const iovec> packet, std::size_t offset) noexcept {
  for (const iovec& buffer : packet) {
    if (offset < buffer.iov_len) {
      return static_cast<const std::byte*>(buffer.iov_base)[offset];
    }
    offset -= buffer.iov_len;
  }
  return {};
}

bool is_ipv6(std::span<const iovec> packet) noexcept {
  return (std::to_integer<unsigned>(byte_at(packet, kEtherType)) << 8U |
          std::to_integer<unsigned>(byte_at(packet, kEtherType + 1))) == kIpv6;
}

// What a guest sends as soon as its interface is up, to nobody that waits for it: packets from the
// unspecified address (duplicate address detection), to all routers and to all who route multicast.
bool is_announcement(std::span<const iovec> packet) noexcept {
  constexpr std::size_t kSource = kEtherType + 2 + 8;
  constexpr std::size_t kDestination = kSource + 16;
  constexpr std::array<unsigned, 2> kRouters{0x02, 0x16};  // ff02::2, ff02::16
  bool is_unspecified = true;
  unsigned middle = 0;  // bits of the destination's bytes between its first two and its last
  for (std::size_t i = 0; i < 16; ++i) {
    is_unspecified = is_unspecified && byte_at(packet, kSource + i) == std::byte{};
    middle |= i < 2 || i > 14 ? 0 : std::to_integer<unsigned>(byte_at(packet, kDestination + i));
  }
  return is_unspecified ||
         (byte_at(packet, kDestination) == std::byte{0xff} &&
          byte_at(packet, kDestination + 1) == std::byte{0x02} && middle == 0 &&
          std::ranges::count(kRouters,
                             std::to_integer<unsigned>(byte_at(packet, kDestination + 15))) > 0);
}

// What the companion does. A passt that is starting ends with this process too: the socket is then
// readable, or closed.
void start_on_request(const PasstOptions& options) {
  char request = 0;
  if (::read(Companion::kSocket, &request, sizeof(request)) != sizeof(request)) {
    return;
  }
  const auto served = serve_by_passt(UniqueFd(kPasstEnd), options, Companion::kSocket);
  pollfd abandoned{Companion::kSocket, POLLIN, 0};
  if (!served && ::poll(&abandoned, 1, 0) == 0) {
    const std::string line = fmt::format("bothy: {}\n", served.error().context);
    static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
  }
}

}  // namespace

Result<std::unique_ptr<PasstOnDemand>> PasstOnDemand::create(const PasstOptions& options) {
  BOTHY_TRY(SocketPair pair, SocketPair::create());
  BOTHY_TRY(Companion starter, Companion::start({{kPasstEnd, pair.theirs.get()}},
                                                [&options] { start_on_request(options); }));
  BOTHY_TRY(auto socket, PacketSocket::adopt(std::move(pair.ours), "passt"));
  const bool ipv4_only = std::ranges::count(options.arguments, "--ipv4-only") > 0;
  return std::unique_ptr<PasstOnDemand>(
      new PasstOnDemand(std::move(socket), std::move(starter), ipv4_only));
}

PasstOnDemand::PasstOnDemand(std::unique_ptr<PacketSocket> socket, Companion starter,
                             bool ipv4_only)
    : ipv4_only_(ipv4_only),
      socket_(std::move(socket)),
      port_(socket_->port(0)),
      starter_(std::move(starter)) {}

PacketOutcome PasstOnDemand::send(std::span<const iovec> packet) noexcept {
  if (started_) {
    return port_.send(packet);
  }
  if (is_ipv6(packet) && (ipv4_only_ || is_announcement(packet))) {
    return PacketOutcome::kDone;
  }
  const PacketOutcome outcome = port_.send(packet);
  started_ = true;
  // Fails when the companion has ended: then the port is closed too.
  static_cast<void>(!::write(starter_.socket(), "s", 1));
  return outcome;
}

}  // namespace bothy
