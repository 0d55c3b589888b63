// PeerStream: a byte stream whose other end comes and goes.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>

#include "base/unique_fd.h"
#include "devices/host/console/byte_ring.h"
#include "devices/host/console/character_backend.h"

namespace bothy {

// Output goes through a bounded ring, as with ConsoleOutput, but straight from it: the descriptor
// is nobody else's. What a peer didn't read is the next one's where the newest is kept, and gone
// otherwise. Input is read when the guest takes it, so a peer that sends more waits.
class PeerStream final : public CharacterSink {
 public:
  static constexpr std::size_t kCapacity = 64 * 1024;

  PeerStream(boost::asio::io_context& executor, Unattended unattended)
      : executor_(executor), unattended_(unattended), descriptor_(executor) {}
  ~PeerStream() override;

  // Owner, before the first peer. `on_gone` is called on the executor when a peer has left.
  void serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer,
             std::function<void()> on_gone);
  // Executor. A peer has come, and there was none: its non-blocking descriptor.
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
  // Writes a piece; false when there is nothing left, no room, or no peer any more.
  [[nodiscard]] bool write_piece();
  void wait_for_input();
  void read_some();
  void wait_for_leaving();
  void deliver();
  void end_output();
  void detach();

  boost::asio::io_context& executor_;
  const Unattended unattended_;
  boost::asio::posix::stream_descriptor descriptor_;
  CharacterReceiver* receiver_ = nullptr;
  std::function<void(bool)> on_peer_;
  std::function<void()> on_gone_;
  std::string pending_;  // read, and not yet taken by the receiver
  bool waiting_ = false;

  std::mutex mutex_;
  std::condition_variable room_;
  std::function<void()> room_hook_;
  ByteRing ring_{kCapacity};  // what is in front is removed by the executor alone while attached
  bool room_wanted_ = false;
  bool attached_ = false;
  bool draining_ = false;
  bool released_ = false;
};

}  // namespace bothy
