#include "devices/host/vhost_user.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

namespace bothy {
namespace {

// The protocol's names for its messages, "Front-end message types".
enum Request : std::uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kSetMemTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
};

// "Header"
struct Header {
  std::uint32_t request = 0;
  std::uint32_t flags = 0;
  std::uint32_t size = 0;  // of what follows
};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kVersionMask = 3;
constexpr std::uint32_t kFlagReply = 1U << 2U;
constexpr std::uint32_t kFlagNeedReply = 1U << 3U;

// "Memory regions description". No more regions than a back end must take.
struct Region {
  std::uint64_t guest_address = 0;
  std::uint64_t size = 0;
  std::uint64_t user_address = 0;
  std::uint64_t file_offset = 0;
};
constexpr std::size_t kMaxRegions = 8;
struct MemoryTable {
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
  std::array<Region, kMaxRegions> regions{};
};
constexpr std::size_t kMemoryTableHeaderSize = offsetof(MemoryTable, regions);

// "A vring state description" and "A vring address description"
struct RingState {
  std::uint32_t index = 0;
  std::uint32_t number = 0;
};
struct RingAddress {
  std::uint32_t index = 0;
  std::uint32_t flags = 0;
  std::uint64_t descriptors = 0;
  std::uint64_t used = 0;
  std::uint64_t available = 0;
  std::uint64_t log = 0;
};
static_assert(sizeof(RingAddress) == 40 && sizeof(Region) == 32 && sizeof(Header) == 12);

constexpr std::uint64_t kFeatureProtocol = 1ULL << 30U;  // VHOST_USER_F_PROTOCOL_FEATURES
constexpr std::uint64_t kFeatureVersion1 = 1ULL << 32U;  // virtio 1.2, 6
constexpr std::uint64_t kProtocolMultiqueue = 1ULL << 0U;
constexpr std::uint64_t kProtocolReplyAck = 1ULL << 3U;

template <class T>
std::span<const std::byte> bytes_of(const T& value) noexcept {
  static_assert(std::is_trivially_copyable_v<T>);
  return std::as_bytes(std::span(&value, 1));
}

std::string_view name_of(std::uint32_t request) noexcept {
  switch (request) {
    case kGetFeatures:
      return "GET_FEATURES";
    case kSetFeatures:
      return "SET_FEATURES";
    case kSetOwner:
      return "SET_OWNER";
    case kSetMemTable:
      return "SET_MEM_TABLE";
    case kSetVringNum:
      return "SET_VRING_NUM";
    case kSetVringAddr:
      return "SET_VRING_ADDR";
    case kSetVringBase:
      return "SET_VRING_BASE";
    case kGetVringBase:
      return "GET_VRING_BASE";
    case kSetVringKick:
      return "SET_VRING_KICK";
    case kSetVringCall:
      return "SET_VRING_CALL";
    case kGetProtocolFeatures:
      return "GET_PROTOCOL_FEATURES";
    case kSetProtocolFeatures:
      return "SET_PROTOCOL_FEATURES";
    case kGetQueueNum:
      return "GET_QUEUE_NUM";
    case kSetVringEnable:
      return "SET_VRING_ENABLE";
    default:
      return "?";
  }
}

}  // namespace

template <class... Args>
Error VhostUser::give_up(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  broken_ = true;
  return make_error(code, "{} {}", who_, fmt::format(format, std::forward<Args>(args)...));
}

Result<std::unique_ptr<VhostUser>> VhostUser::connect(UniqueFd socket, std::string who,
                                                      const GuestMemory& memory,
                                                      std::uint16_t queues,
                                                      std::chrono::milliseconds timeout,
                                                      const Clock& clock) {
  std::unique_ptr<VhostUser> back_end(new VhostUser(std::move(socket), std::move(who), clock));
  back_end->set_deadline(timeout);
  BOTHY_TRY(back_end->negotiate(queues));
  BOTHY_TRY(back_end->share(memory));
  return back_end;
}

Result<void> VhostUser::negotiate(std::uint16_t queues) {
  BOTHY_TRY(features_, query(kGetFeatures));
  if ((features_ & kFeatureProtocol) == 0 || (features_ & kFeatureVersion1) == 0) {
    return give_up(ErrorCode::kUnsupported,
                   "is too old: its features {:#x} lack VIRTIO_F_VERSION_1 or "
                   "VHOST_USER_F_PROTOCOL_FEATURES",
                   features_);
  }
  features_ &= ~kFeatureProtocol;
  BOTHY_TRY(const std::uint64_t offered, query(kGetProtocolFeatures));
  const std::uint64_t negotiated = offered & (kProtocolMultiqueue | kProtocolReplyAck);
  BOTHY_TRY(command(kSetProtocolFeatures, bytes_of(negotiated)));
  acknowledges_ = (negotiated & kProtocolReplyAck) != 0;
  if ((negotiated & kProtocolMultiqueue) != 0) {
    BOTHY_TRY(const std::uint64_t maximum, query(kGetQueueNum));
    if (maximum < queues) {
      return give_up(ErrorCode::kUnsupported, "serves {} queues, not {}", maximum, queues);
    }
  }
  return command(kSetOwner, {});
}

Result<void> VhostUser::share(const GuestMemory& memory) {
  const auto regions = memory.regions();
  if (memory.fd() < 0 || regions.size() > kMaxRegions) {
    return give_up(ErrorCode::kInvalid,
                   "can't map the guest's memory, which is private to bothy: use --memory-backing "
                   "shared");
  }
  MemoryTable table;
  std::array<int, kMaxRegions> fds{};
  for (const GuestMemory::Region& region : regions) {
    fds[table.count] = memory.fd();
    // "User addresses" only need to be the same here and in SET_VRING_ADDR. Guest addresses serve,
    // and reveal nothing about the layout of this process.
    table.regions[table.count++] = {region.range.start, region.range.size, region.range.start,
                                    region.file_offset};
  }
  return command(kSetMemTable,
                 bytes_of(table).first(kMemoryTableHeaderSize + regions.size() * sizeof(Region)),
                 std::span(fds).first(regions.size()));
}

Result<void> VhostUser::start_rings(std::uint64_t features, std::span<const VhostRing> rings) {
  set_deadline(kTimeout);
  const std::uint64_t all = features | kFeatureProtocol;
  BOTHY_TRY(command(kSetFeatures, bytes_of(all)));
  for (const VhostRing& ring : rings) {
    BOTHY_TRY(start_ring(ring));
  }
  return success();
}

Result<void> VhostUser::start_ring(const VhostRing& ring) {
  const std::uint64_t index = ring.index;
  BOTHY_TRY(command(kSetVringNum, bytes_of(RingState{ring.index, ring.size})));
  BOTHY_TRY(command(kSetVringBase, bytes_of(RingState{ring.index, ring.base})));
  BOTHY_TRY(command(kSetVringAddr, bytes_of(RingAddress{ring.index, 0, ring.descriptors,
                                                        ring.device_area, ring.driver_area, 0})));
  // The call first: the kick is what starts the ring.
  BOTHY_TRY(command(kSetVringCall, bytes_of(index), std::span(&ring.call, 1)));
  BOTHY_TRY(command(kSetVringKick, bytes_of(index), std::span(&ring.kick, 1)));
  return command(kSetVringEnable, bytes_of(RingState{ring.index, 1}));
}

Result<void> VhostUser::stop_rings(std::span<VhostRingPosition> rings) {
  set_deadline(kTimeout);
  for (VhostRingPosition& ring : rings) {
    BOTHY_TRY(ring.base, stop_ring(ring.index));
  }
  return success();
}

Result<std::uint16_t> VhostUser::stop_ring(std::uint8_t index) {
  BOTHY_TRY(send(kGetVringBase, false, bytes_of(RingState{index, 0}), {}));
  RingState state;
  BOTHY_TRY(receive(kGetVringBase, std::as_writable_bytes(std::span(&state, 1))));
  if (state.index != index || state.number > UINT16_MAX) {
    return give_up(ErrorCode::kSystem, "answers GET_VRING_BASE of ring {} with entry {} of ring {}",
                   index, state.number, state.index);
  }
  return static_cast<std::uint16_t>(state.number);
}

bool VhostUser::alive() const noexcept {
  std::byte byte{};
  return !broken_ && ::recv(socket_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EINTR);
}

Result<std::uint64_t> VhostUser::query(std::uint32_t request) {
  BOTHY_TRY(send(request, false, {}, {}));
  std::uint64_t number = 0;
  BOTHY_TRY(receive(request, std::as_writable_bytes(std::span(&number, 1))));
  return number;
}

Result<void> VhostUser::command(std::uint32_t request, std::span<const std::byte> payload,
                                std::span<const int> fds) {
  BOTHY_TRY(send(request, acknowledges_, payload, fds));
  if (!acknowledges_) {
    return success();
  }
  std::uint64_t failure = 0;
  BOTHY_TRY(receive(request, std::as_writable_bytes(std::span(&failure, 1))));
  if (failure != 0) {
    return give_up(ErrorCode::kSystem, "refuses {} with error {}", name_of(request), failure);
  }
  return success();
}

Result<void> VhostUser::send(std::uint32_t request, bool wants_reply,
                             std::span<const std::byte> payload, std::span<const int> fds) {
  if (broken_) {
    return give_up(ErrorCode::kSystem, "has ended or broken the protocol");
  }
  // Answers that come without waiting count too.
  if (clock_.now() >= deadline_) {
    return give_up(ErrorCode::kSystem, "doesn't answer {} in time", name_of(request));
  }
  std::array<std::byte, sizeof(Header) + sizeof(MemoryTable)> message{};
  const Header header{request, kVersion | (wants_reply ? kFlagNeedReply : 0),
                      static_cast<std::uint32_t>(payload.size())};
  std::memcpy(message.data(), &header, sizeof(header));
  if (!payload.empty()) {
    std::memcpy(message.data() + sizeof(header), payload.data(), payload.size());
  }

  iovec rest{message.data(), sizeof(header) + payload.size()};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(kMaxRegions * sizeof(int))> control{};
  msghdr parts{};
  parts.msg_iov = &rest;
  parts.msg_iovlen = 1;
  if (!fds.empty()) {
    parts.msg_control = control.data();
    parts.msg_controllen = CMSG_SPACE(fds.size_bytes());
    cmsghdr* part = CMSG_FIRSTHDR(&parts);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds.size_bytes());
    std::memcpy(CMSG_DATA(part), fds.data(), fds.size_bytes());
  }
  while (rest.iov_len > 0) {
    const ssize_t sent = ::sendmsg(socket_.get(), &parts, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      rest.iov_base = static_cast<std::byte*>(rest.iov_base) + sent;
      rest.iov_len -= static_cast<std::size_t>(sent);
      parts.msg_control = nullptr;  // they went with the first byte
      parts.msg_controllen = 0;
    } else if (errno == EAGAIN) {
      BOTHY_TRY(wait_for(request, POLLOUT));
    } else if (errno != EINTR) {
      const int error = errno;
      return give_up(ErrorCode::kSystem, "has ended: {} can't be sent: {}", name_of(request),
                     std::strerror(error));
    }
  }
  return success();
}

Result<void> VhostUser::receive(std::uint32_t request, std::span<std::byte> payload) {
  Header header;
  BOTHY_TRY(read_bytes(request, std::as_writable_bytes(std::span(&header, 1))));
  if (header.request != request ||
      (header.flags & (kVersionMask | kFlagReply)) != (kVersion | kFlagReply) ||
      header.size != payload.size()) {
    return give_up(ErrorCode::kSystem,
                   "answers {} with message {} of {} bytes and the flags {:#x}: not a valid answer",
                   name_of(request), header.request, header.size, header.flags);
  }
  return read_bytes(request, payload);
}

Result<void> VhostUser::read_bytes(std::uint32_t request, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    // Descriptors that come along are dropped by the kernel: there is no room for any.
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EAGAIN) {
      BOTHY_TRY(wait_for(request, POLLIN));
    } else if (got == 0 || errno != EINTR) {
      return give_up(ErrorCode::kSystem, "has ended without an answer to {}", name_of(request));
    }
  }
  return success();
}

Result<void> VhostUser::wait_for(std::uint32_t request, short events) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_.now());
    pollfd poll{socket_.get(), events, 0};
    const int ready = left.count() > 0 ? ::poll(&poll, 1, static_cast<int>(left.count())) : 0;
    if (ready > 0) {
      return success();
    }
    if (ready == 0) {
      return give_up(ErrorCode::kSystem, "doesn't answer {} in time", name_of(request));
    }
    if (errno != EINTR) {
      return give_up(ErrorCode::kSystem, "can't be waited for: {}", std::strerror(errno));
    }
  }
}

}  // namespace bothy
