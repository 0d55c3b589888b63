// VhostUser: the front end of vhost-user, the protocol by which another process serves virtqueues
// (QEMU's docs/interop/vhost-user.rst).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
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
  std::uint16_t base = 0;  // the first available entry that isn't taken yet
  int kick = -1;           // eventfds, which the back end gets duplicates of
  int call = -1;
};

// The back end is another program, and nothing that it says is believed unseen: every answer is
// judged, and none is waited for longer than the patience. After the first error there is no
// talking to it any more: every later call fails at once.
//
// Belongs to one thread at a time; calls block.
class VhostUser {
 public:
  // Of every answer but the first, which a back end that is still starting may need longer for.
  static constexpr std::chrono::seconds kPatience{10};

  // Settles the protocol on a connected socket, and gives the back end all of the guest's memory.
  // `who` begins the errors. kInvalid when the memory is no file that can be shared; kUnsupported
  // when the back end lacks what we need. The memory outlives it.
  [[nodiscard]] static Result<std::unique_ptr<VhostUser>> connect(
      UniqueFd socket, std::string who, const GuestMemory& memory, std::uint16_t queues,
      std::chrono::milliseconds patience_at_first);
  VhostUser(const VhostUser&) = delete;
  VhostUser& operator=(const VhostUser&) = delete;
  ~VhostUser() = default;

  // What the back end offers of virtio's own features.
  [[nodiscard]] std::uint64_t features() const noexcept { return features_; }
  // What the driver accepted, a part of features(). Before the first ring is started.
  [[nodiscard]] Result<void> set_features(std::uint64_t features);

  // The ring is the back end's from now on.
  [[nodiscard]] Result<void> start_ring(const VhostRing& ring);
  // Waits for what is in flight, and takes the ring back: where it stands, VhostRing::base.
  [[nodiscard]] Result<std::uint16_t> stop_ring(std::uint8_t index);

  // False once the back end has hung up, or says something unasked.
  [[nodiscard]] bool alive() const noexcept;
  // To be watched for input: alive() then tells what it is. Not owned by the caller.
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

 private:
  using Clock = std::chrono::steady_clock;

  VhostUser(UniqueFd socket, std::string who) : socket_(std::move(socket)), who_(std::move(who)) {}

  [[nodiscard]] Result<void> negotiate(std::uint16_t queues, std::chrono::milliseconds patience);
  [[nodiscard]] Result<void> share(const GuestMemory& memory);
  // A message that is answered by a number.
  [[nodiscard]] Result<std::uint64_t> ask(std::uint32_t request,
                                          std::chrono::milliseconds patience = kPatience);
  // A message that is answered by whether it was accepted, once that is settled.
  [[nodiscard]] Result<void> tell(std::uint32_t request, std::span<const std::byte> payload,
                                  std::span<const int> fds = {});
  [[nodiscard]] Result<void> send(std::uint32_t request, bool wants_reply,
                                  std::span<const std::byte> payload, std::span<const int> fds);
  // An answer with exactly this much payload.
  [[nodiscard]] Result<void> receive(std::uint32_t request, std::span<std::byte> payload,
                                     std::chrono::milliseconds patience);
  [[nodiscard]] Result<void> read_bytes(std::uint32_t request, std::span<std::byte> bytes,
                                        Clock::time_point deadline);
  [[nodiscard]] Result<void> wait_for(std::uint32_t request, short events,
                                      Clock::time_point deadline);
  template <class... Args>
  [[nodiscard]] Error give_up(ErrorCode code, fmt::format_string<Args...> format, Args&&... args);

  const UniqueFd socket_;
  const std::string who_;
  std::uint64_t features_ = 0;
  bool acknowledges_ = false;  // VHOST_USER_PROTOCOL_F_REPLY_ACK is settled
  bool broken_ = false;
};

}  // namespace bothy
