// VhostUser: the front end of vhost-user, the protocol by which another process serves virtqueues
// (QEMU's docs/interop/vhost-user.rst).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "memory/guest_memory.h"

namespace bothy {

// One virtqueue, to be handed over.
struct VhostRing {
  std::uint8_t index = 0;
  std::uint16_t size = 0;
  GuestAddress descriptors = 0;
  GuestAddress driver_area = 0;
  GuestAddress device_area = 0;
  std::uint16_t base = 0;  // the first available entry that hasn't been taken yet
  int kick = -1;           // eventfds, which the back end gets duplicates of
  int call = -1;
};

// A virtqueue that is taken back.
struct VhostRingPosition {
  std::uint8_t index = 0;
  std::optional<std::uint16_t> base = std::nullopt;  // as VhostRing::base; nothing: not taken back
};

// The back end is another program and not trusted: every answer is checked. Each function that
// talks to it is one transaction of several messages with one deadline for all of them. After the
// first error the connection is unusable: every later call fails at once.
//
// Belongs to one thread at a time; calls block until the deadline.
class VhostUser {
 public:
  // Of every transaction but connect(), for which a back end that is still starting needs longer.
  static constexpr std::chrono::seconds kTimeout{10};

  // Negotiates the protocol on a connected socket, and gives the back end access to all of the
  // guest's memory. `who` prefixes the errors. kInvalid when the memory isn't a file that can be
  // shared; kUnsupported when the back end lacks a feature that bothy needs. The memory and the
  // clock outlive the connection.
  [[nodiscard]] static Result<std::unique_ptr<VhostUser>> connect(
      UniqueFd socket, std::string who, const GuestMemory& memory, std::uint16_t queues,
      std::chrono::milliseconds timeout, const Clock& clock = Clock::steady());
  VhostUser(const VhostUser&) = delete;
  VhostUser& operator=(const VhostUser&) = delete;
  ~VhostUser() = default;

  // What the back end offers of virtio's own features.
  [[nodiscard]] std::uint64_t features() const noexcept { return features_; }

  // Hands the rings over. `features` are those that the driver accepted, a part of features().
  [[nodiscard]] Result<void> start_rings(std::uint64_t features, std::span<const VhostRing> rings);
  // Waits for requests in flight, and takes the rings back. On failure the positions of those that
  // came back before are set.
  [[nodiscard]] Result<void> stop_rings(std::span<VhostRingPosition> rings);

  // False once the back end has hung up, or sent a message that it wasn't asked for.
  [[nodiscard]] bool alive() const noexcept;
  // To be watched for input, upon which alive() tells. Owned by this object.
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  VhostUser(UniqueFd socket, std::string who, const Clock& clock)
      : socket_(std::move(socket)), who_(std::move(who)), clock_(clock) {}

  // Begins a transaction.
  void set_deadline(std::chrono::milliseconds timeout) { deadline_ = clock_.now() + timeout; }
  [[nodiscard]] Result<void> negotiate(std::uint16_t queues);
  [[nodiscard]] Result<void> share(const GuestMemory& memory);
  [[nodiscard]] Result<void> start_ring(const VhostRing& ring);
  [[nodiscard]] Result<std::uint16_t> stop_ring(std::uint8_t index);
  // A message that is answered by a number.
  [[nodiscard]] Result<std::uint64_t> query(std::uint32_t request);
  // A message that is answered by whether it was accepted, once REPLY_ACK is negotiated.
  [[nodiscard]] Result<void> command(std::uint32_t request, std::span<const std::byte> payload,
                                     std::span<const int> fds = {});
  [[nodiscard]] Result<void> send(std::uint32_t request, bool wants_reply,
                                  std::span<const std::byte> payload, std::span<const int> fds);
  // An answer with exactly this much payload.
  [[nodiscard]] Result<void> receive(std::uint32_t request, std::span<std::byte> payload);
  [[nodiscard]] Result<void> read_bytes(std::uint32_t request, std::span<std::byte> bytes);
  [[nodiscard]] Result<void> wait_for(std::uint32_t request, short events);
  template <class... Args>
  [[nodiscard]] Error give_up(ErrorCode code, fmt::format_string<Args...> format, Args&&... args);

  const UniqueFd socket_;
  const std::string who_;
  const Clock& clock_;
  Clock::TimePoint deadline_{};
  std::uint64_t features_ = 0;
  bool acknowledges_ = false;  // VHOST_USER_PROTOCOL_F_REPLY_ACK is negotiated
  bool broken_ = false;
};

}  // namespace bothy
