#include "devices/host/net/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/files.h"

// Since Linux 6.2; Debian 12's headers are older.
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

namespace bothy {
namespace {

constexpr const char* kDevice = "/dev/net/tun";
// More packets than an interface's queue holds by default.
constexpr int kMaxStalePackets = 65536;

unsigned tun_flags(const NetOffloads& offloads) noexcept {
  unsigned flags = 0;
  if (offloads.checksum) {
    flags |= TUN_F_CSUM;
    flags |= offloads.tso4 ? TUN_F_TSO4 : 0U;
    flags |= offloads.tso6 ? TUN_F_TSO6 : 0U;
    flags |= offloads.ecn && (offloads.tso4 || offloads.tso6) ? TUN_F_TSO_ECN : 0U;
    flags |= offloads.uso ? TUN_F_USO4 | TUN_F_USO6 : 0U;
  }
  return flags;
}

ifreq request_for(const std::string& name) noexcept {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

bool interface_exists(const std::string& name) {
  return !name.empty() && ::if_nametoindex(name.c_str()) != 0;
}

Result<UniqueFd> open_device() {
  UniqueFd fd(::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd) {
    return fd;
  }
  switch (errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return make_error(ErrorCode::kUnsupported,
                        "{} does not exist, and tap interfaces need it: 'modprobe tun'", kDevice);
    case EACCES:
    case EPERM:
      return make_error(ErrorCode::kPermission,
                        "no permission to open {}: run as root, or use '--net user'", kDevice);
    default:
      return errno_error(std::string("can't open ") + kDevice);
  }
}

Error attach_error(const std::string& name, bool existed, int error_number) {
  switch (error_number) {
    case EBUSY:
      return make_error(ErrorCode::kBusy,
                        "tap {} is in use by another program: choose another one, or share it by "
                        "creating it with 'ip tuntap add {} mode tap multi_queue'",
                        name, name);
    case EPERM:
    case EACCES:
      if (existed) {
        return make_error(ErrorCode::kPermission,
                          "no permission to attach to tap {}: give it to this user with "
                          "'ip tuntap add {} mode tap user USER'",
                          name, name);
      }
      return make_error(ErrorCode::kPermission,
                        "no permission to create a tap interface: create one as root with 'ip "
                        "tuntap add NAME mode "
                        "tap user USER', or use '--net user'");
    case E2BIG:
      return make_error(ErrorCode::kBusy, "tap {} has no free queue", name);
    default:
      return errno_error("can't attach to tap " + (name.empty() ? "interface" : name),
                         error_number);
  }
}

// One queue of the interface `name`, or of a new one. With error_number set, the ioctl has failed.
struct Attached {
  UniqueFd fd;
  std::string name;
  int error_number = 0;
};

Result<Attached> attach(const std::string& name, bool multi_queue) {
  BOTHY_TRY(UniqueFd fd, open_device());
  ifreq request = request_for(name.empty() ? "bothy%d" : name);
  request.ifr_flags =
      static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (multi_queue ? IFF_MULTI_QUEUE : 0));
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    return Attached{{}, name, errno};
  }
  return Attached{std::move(fd), request.ifr_name, 0};
}

// The first queue of an interface that may have been there before.
Result<Attached> attach_first(const std::string& name, std::size_t queues, bool existed) {
  bool multi_queue = queues > 1;
  BOTHY_TRY(Attached first, attach(name, multi_queue));
  if (first.error_number != EINVAL || !existed) {
    return first;
  }
  // Not a tap, or IFF_MULTI_QUEUE differs. sysfs has that, but possibly of another namespace.
  BOTHY_TRY(Attached other, attach(name, !multi_queue));
  if (other.error_number == EINVAL) {
    return make_error(ErrorCode::kInvalid,
                      "interface {} exists and is not a tap: choose another name", name);
  }
  if (queues > 1) {
    return make_error(ErrorCode::kInvalid,
                      "tap {} has one queue instead of {}: create it with "
                      "'ip tuntap add {} mode tap multi_queue'",
                      name, queues, name);
  }
  return other;
}

// A socket for ioctls on interfaces.
Result<UniqueFd> control_socket() {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    return errno_error("can't open a socket to set up an interface");
  }
  return fd;
}

Result<void> bring_up(const std::string& name, std::optional<std::uint16_t> mtu) {
  BOTHY_TRY(const UniqueFd control, control_socket());
  ifreq request = request_for(name);
  if (mtu) {
    request.ifr_mtu = *mtu;
    if (::ioctl(control.get(), SIOCSIFMTU, &request) != 0) {
      return errno_error(fmt::format("can't set the MTU of tap {} to {}", name, *mtu));
    }
  }
  request = request_for(name);
  if (::ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) {
    return errno_error("can't get the flags of tap " + name);
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) {
    return errno_error("can't bring tap " + name + " up");
  }
  return success();
}

std::optional<std::uint16_t> interface_mtu(const std::string& name) {
  const auto control = control_socket();
  ifreq request = request_for(name);
  if (!control || ::ioctl(control.value().get(), SIOCGIFMTU, &request) != 0 ||
      request.ifr_mtu < 68 || request.ifr_mtu > 65535) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(request.ifr_mtu);
}

// The tap has the guest's header, so one system call moves a packet between guest and kernel.
class TapPort final : public PacketPort {
 public:
  explicit TapPort(UniqueFd fd) noexcept : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const noexcept override { return fd_.get(); }

  [[nodiscard]] ReceivedPacket receive(std::span<const iovec> buffers) noexcept override {
    const ssize_t got = ::readv(fd_.get(), buffers.data(), static_cast<int>(buffers.size()));
    if (got < 0) {
      return {outcome_of(errno), 0};
    }
    // A longer packet has been truncated.
    const auto size = static_cast<std::size_t>(got);
    return {size >= kHeader && size <= kMaxBytes ? PacketOutcome::kDone : PacketOutcome::kDropped,
            size};
  }

  [[nodiscard]] PacketOutcome send(std::span<const iovec> packet) noexcept override {
    const ssize_t put = ::writev(fd_.get(), packet.data(), static_cast<int>(packet.size()));
    return put < 0 ? outcome_of(errno) : PacketOutcome::kDone;
  }

 private:
  static PacketOutcome outcome_of(int error_number) noexcept {
    switch (error_number) {
      case EAGAIN:
      case EINTR:
        return PacketOutcome::kAgain;
      case EBADFD:  // the interface was deleted
      case ENODEV:
        return PacketOutcome::kGone;
      default:  // EINVAL: an invalid header; EIO: the interface is down
        return PacketOutcome::kDropped;
    }
  }

  UniqueFd fd_;
};

}  // namespace

Result<std::unique_ptr<Tap>> Tap::open(const std::string& name, std::size_t queues,
                                       std::optional<std::uint16_t> mtu) {
  if (name.size() >= IFNAMSIZ) {
    return make_error(ErrorCode::kInvalid, "invalid tap name '{}': expected at most {} characters",
                      name, IFNAMSIZ - 1);
  }
  if (name.find_first_of("/%: \t\n") != std::string::npos || name == "." || name == "..") {
    return make_error(ErrorCode::kInvalid, "invalid tap name '{}': not an interface name", name);
  }
  const bool existed = interface_exists(name);
  BOTHY_TRY(Attached first, attach_first(name, queues, existed));
  if (first.error_number != 0) {
    return attach_error(name, existed, first.error_number);
  }
  const std::string actual = first.name;
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(first.fd));
  while (fds.size() < queues) {
    BOTHY_TRY(Attached next, attach(actual, true));
    if (next.error_number != 0) {
      return attach_error(actual, true, next.error_number);
    }
    fds.push_back(std::move(next.fd));
  }
  std::unique_ptr<Tap> tap(new Tap(actual, std::move(fds)));
  BOTHY_TRY(tap->prepare());
  if (!existed) {
    BOTHY_TRY(bring_up(actual, mtu));
  }
  tap->mtu_ = interface_mtu(actual);
  return tap;
}

Result<std::unique_ptr<Tap>> Tap::adopt(UniqueFd fd) {
  const int number = fd.get();
  ifreq request{};
  if (::ioctl(number, TUNGETIFF, &request) != 0) {
    return errno_error(fmt::format("descriptor {} is not a tap", number));
  }
  const int wanted = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if ((request.ifr_flags & wanted) != wanted) {
    return make_error(ErrorCode::kInvalid,
                      "descriptor {} of interface {} was opened without IFF_TAP, IFF_NO_PI and "
                      "IFF_VNET_HDR: all three are needed",
                      number, request.ifr_name);
  }
  BOTHY_TRY(set_nonblocking(number));
  std::vector<UniqueFd> fds;
  fds.push_back(std::move(fd));
  std::unique_ptr<Tap> tap(new Tap(request.ifr_name, std::move(fds)));
  BOTHY_TRY(tap->prepare());
  tap->mtu_ = interface_mtu(tap->name_);
  return tap;
}

Tap::Tap(std::string name, std::vector<UniqueFd> fds) : name_(std::move(name)), used_(fds.size()) {
  for (UniqueFd& fd : fds) {
    ports_.push_back(std::make_unique<TapPort>(std::move(fd)));
  }
}

Result<void> Tap::prepare() {
  for (const auto& port : ports_) {
    const int size = PacketPort::kHeader;
    if (::ioctl(port->fd(), TUNSETVNETHDRSZ, &size) != 0) {
      return errno_error("can't set the header size of tap " + name_);
    }
  }
  // The kernel accepts the offloads that it supports.
  offloads_ = {.checksum = true, .tso4 = true, .tso6 = true, .ecn = true, .uso = true};
  if (::ioctl(ports_.front()->fd(), TUNSETOFFLOAD, tun_flags(offloads_)) != 0) {
    offloads_.uso = false;
    if (::ioctl(ports_.front()->fd(), TUNSETOFFLOAD, tun_flags(offloads_)) != 0) {
      offloads_ = {};
    }
  }
  return set_receive_offloads({}, false);
}

Result<void> Tap::set_receive_offloads(const NetOffloads& offloads, bool afresh) {
  if (::ioctl(ports_.front()->fd(), TUNSETOFFLOAD, tun_flags(offloads)) != 0) {
    return errno_error("can't set the offloads of tap " + name_);
  }
  for (std::size_t i = 0; afresh && i < used_; ++i) {
    std::array<std::byte, PacketPort::kHeader> rest{};
    for (int left = kMaxStalePackets; left > 0; --left) {
      if (::read(ports_[i]->fd(), rest.data(), rest.size()) < 0) {
        break;
      }
    }
  }
  return success();
}

Result<void> Tap::use_queues(std::size_t count) {
  while (used_ != count) {
    const bool more = used_ < count;
    ifreq request{};
    request.ifr_flags = static_cast<short>(more ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE);
    const std::size_t index = more ? used_ : used_ - 1;
    if (::ioctl(ports_[index]->fd(), TUNSETQUEUE, &request) != 0) {
      return errno_error(
          fmt::format("can't {} queue {} of tap {}", more ? "attach" : "detach", index, name_));
    }
    used_ = more ? used_ + 1 : used_ - 1;
  }
  return success();
}

}  // namespace bothy
