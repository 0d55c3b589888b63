#include "devices/host/net/passt_on_demand.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/signals.h"
#include "base/socket_pair.h"

namespace bothy {
namespace {

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

}  // namespace

Result<std::unique_ptr<PasstOnDemand>> PasstOnDemand::create(PasstOptions options) {
  BOTHY_TRY(SocketPair pair, SocketPair::create());
  BOTHY_TRY(EventFd abandoned, EventFd::create());
  BOTHY_TRY(auto socket, PacketSocket::adopt(std::move(pair.ours), "passt"));
  return std::unique_ptr<PasstOnDemand>(new PasstOnDemand(
      std::move(socket), std::move(pair.theirs), std::move(abandoned), std::move(options)));
}

PasstOnDemand::PasstOnDemand(std::unique_ptr<PacketSocket> socket, UniqueFd theirs,
                             EventFd abandoned, PasstOptions options)
    : options_(std::move(options)),
      ipv4_only_(std::ranges::count(options_.arguments, "--ipv4-only") > 0),
      socket_(std::move(socket)),
      port_(socket_->port(0)),
      theirs_(std::move(theirs)),
      abandoned_(std::move(abandoned)) {}

PasstOnDemand::~PasstOnDemand() {
  if (starter_.joinable()) {
    abandoned_.signal();
    starter_.join();
  }
}

PacketOutcome PasstOnDemand::send(std::span<const iovec> packet) noexcept {
  if (!theirs_) {
    return port_.send(packet);
  }
  if (is_ipv6(packet) && (ipv4_only_ || is_announcement(packet))) {
    return PacketOutcome::kDone;
  }
  const PacketOutcome outcome = port_.send(packet);
  start();
  return outcome;
}

// On a thread of its own: the caller's serves the guest's queues.
void PasstOnDemand::start() noexcept {
  try {
    starter_ = std::thread([this, theirs = std::exchange(theirs_, {})]() mutable {
      block_signals_in_worker();
      const auto served = serve_by_passt(std::move(theirs), options_, abandoned_.fd());
      if (!served && abandoned_.drain() == 0) {
        log_line(LogLevel::kError, served.error().context);
      }
    });
  } catch (const std::system_error& error) {
    log_line(LogLevel::kError, errno_error("can't start passt", error.code().value()).context);
  }
}

}  // namespace bothy
