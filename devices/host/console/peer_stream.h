// PeerStream: a byte stream with one peer at a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "base/fd_watch.h"
#include "base/unique_fd.h"
#include "devices/host/console/byte_ring.h"
#include "devices/host/console/character_backend.h"

namespace bothy {

// Output goes through a bounded ring, as with ConsoleOutput, but the descriptor is non-blocking and
// shared with no other process. Output that a peer didn't read goes to the next peer with
// Unattended::kKeepNewest, and is dropped otherwise. Input is read when the guest takes it, so a
// peer that sends more waits.
class PeerStream final : public CharacterSink {
 public:
  static constexpr std::size_t kCapacity = 64 * 1024;

  PeerStream(boost::asio::io_context& executor, Unattended unattended)
      : unattended_(unattended), watch_(executor) {}
  ~PeerStream() override;

  // Owner, before the first peer. `on_gone` is called on the executor after a peer has left.
  void serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer,
             std::function<void()> on_gone);
  // Executor, while there is no peer. `fd` is non-blocking.
  void attach(UniqueFd fd);

  // Any thread but the executor's.
  void write(std::span<const std::byte> bytes) noexcept override;
  // Any thread.
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept override;
  void set_room_hook(std::function<void()> hook) noexcept override;
  void release_writers() noexcept;
  // Only once the executor has stopped.
  void flush(std::chrono::steady_clock::time_point deadline) noexcept;

 private:
  void leave_receiver() noexcept;
  [[nodiscard]] std::size_t take(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] std::size_t keep_newest(std::span<const std::byte> bytes);
  void drain();
  // Writes one piece; false when nothing is left, there is no room, or no peer.
  [[nodiscard]] bool write_piece();
  void wait_for_input();
  void read_some();
  void wait_for_leaving();
  void deliver();
  void end_output();
  void detach();

  const Unattended unattended_;
  FdWatch watch_;
  CharacterReceiver* receiver_ = nullptr;
  std::function<void(bool)> on_peer_;
  std::function<void()> on_gone_;
  std::string pending_;  // read, and not yet taken by the receiver

  std::mutex mutex_;
  std::condition_variable room_;
  std::function<void()> room_hook_;
  ByteRing ring_{kCapacity};  // only the executor removes from it while attached
  bool room_wanted_ = false;
  bool attached_ = false;
  bool draining_ = false;
  bool released_ = false;
};

}  // namespace bothy
