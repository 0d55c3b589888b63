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
  // A guest that starts again finds it again; what else we start doesn't.
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
                    "--net fd={} is neither an attached tap nor a connected unix socket", number);
}

}  // namespace

MacAddress random_mac() noexcept {
  MacAddress mac{};
  // So few bytes never come in part, and it waits for no more than the host's start.
  [[maybe_unused]] const ssize_t got = ::getrandom(mac.data(), mac.size(), 0);
  mac[0] = 0x02;  // locally administered, and no group's
  return mac;
}

Result<std::unique_ptr<NetBackend>> open_net_backend(const NetConfig& config) {
  if (config.queues == 0 || config.queues > NetConfig::kMaxQueues) {
    return make_error(ErrorCode::kInvalid, "--net queues={} is out of range: 1 to {}",
                      config.queues, NetConfig::kMaxQueues);
  }
  if (config.queues > 1 && config.backend != NetBackendKind::kTap) {
    return make_error(ErrorCode::kInvalid, "--net queues={}: only 'tap' has several queues",
                      config.queues);
  }
  switch (config.backend) {
    case NetBackendKind::kTap: {
      BOTHY_TRY(auto tap, Tap::open(config.tap, config.queues, config.mtu));
      return tap;
    }
    case NetBackendKind::kUser: {
      PasstOptions options{config.mtu, config.passt};
      // One that would fail is started now, and says why.
      if (config.on_demand && passt_can_start()) {
        BOTHY_TRY(auto passt, PasstOnDemand::create(std::move(options)));
        return passt;
      }
      BOTHY_TRY(auto passt, start_passt(options));
      return passt;
    }
    case NetBackendKind::kFd:
      return adopt(config.fd);
  }
  return make_error(ErrorCode::kInvalid, "--net: no such backend");
}

}  // namespace bothy
