#include "devices/host/net/config.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <net/if.h>

#include "devices/host/net/packet_socket.h"
#include "devices/host/net/passt.h"
#include "devices/host/net/passt_on_demand.h"
#include "devices/host/net/tap.h"

namespace bothy {
namespace {

Result<std::unique_ptr<NetBackend>> adopt(int number) {
  // The number stays open for a restart of the guest; child processes don't inherit it.
  UniqueFd fd(::fcntl(number, F_DUPFD_CLOEXEC, 0));
  if (!fd || ::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) {
    return make_error(ErrorCode::kInvalid, "--net fd={}: no such descriptor is open", number);
  }
  ifreq request{};
  if (::ioctl(number, TUNGETIFF, &request) == 0) {
    BOTHY_TRY(auto tap, Tap::adopt(std::move(fd)));
    return tap;
  }
  struct stat status {};
  if (::fstat(number, &status) == 0 && S_ISSOCK(status.st_mode)) {
    BOTHY_TRY(auto socket,
              PacketSocket::adopt(std::move(fd), fmt::format("descriptor {}", number)));
    return socket;
  }
  return make_error(ErrorCode::kInvalid,
                    "--net fd={}: neither an attached tap nor a connected unix socket", number);
}

}  // namespace

MacAddress random_mac() noexcept {
  MacAddress mac{};
  // Never partial for so few bytes; blocks only until the host's entropy pool is initialised.
  [[maybe_unused]] const ssize_t got = ::getrandom(mac.data(), mac.size(), 0);
  mac[0] = 0x02;  // locally administered, unicast
  return mac;
}

Result<std::unique_ptr<NetBackend>> open_net_backend(const NetConfig& config) {
  if (config.queues == 0 || config.queues > NetConfig::kMaxQueues) {
    return make_error(ErrorCode::kInvalid, "--net: invalid number of queues {}: expected 1 to {}",
                      config.queues, NetConfig::kMaxQueues);
  }
  if (config.queues > 1 && config.backend != NetBackendKind::kTap) {
    return make_error(ErrorCode::kInvalid, "--net: {} queues need a tap", config.queues);
  }
  switch (config.backend) {
    case NetBackendKind::kTap: {
      BOTHY_TRY(auto tap, Tap::open(config.tap, config.queues, config.mtu));
      return tap;
    }
    case NetBackendKind::kUser: {
      PasstOptions options{config.mtu, config.passt};
      // A passt that would fail is started now, so that the error is reported.
      if (config.on_demand && passt_can_start()) {
        BOTHY_TRY(auto passt, PasstOnDemand::create(options));
        return passt;
      }
      BOTHY_TRY(auto passt, start_passt(options));
      return passt;
    }
    case NetBackendKind::kFd:
      return adopt(config.fd);
  }
  return make_error(ErrorCode::kInvalid, "--net: unknown backend");
}

}  // namespace bothy
