// PeerStream: a byte stream with one peer at a time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>

#include "base/fd_watch.h"
#include "base/unique_fd.h"
#include "devices/host/console/character_backend.h"
#include "devices/host/console/output_buffer.h"

namespace bothy {

// As ConsoleOutput, but the descriptor is non-blocking and shared with no other process. Output
// that a peer didn't read goes to the next peer with Unattended::kKeepNewest, and is dropped
// otherwise. Input is read when the guest takes it, so a peer that sends more waits.
class PeerStream final : public CharacterSink {
 public:
  PeerStream(boost::asio::io_context& executor, Unattended unattended);
  ~PeerStream() override;

  // Owner, before the first peer. `on_gone` is called on the executor after a peer has left.
  void serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer,
             std::function<void()> on_gone);
  // Executor, while there is no peer. `fd` is non-blocking.
  void attach(UniqueFd fd);

  // Any thread but the executor's.
  void write(std::span<const std::byte> bytes) noexcept override { buffer_.write(bytes); }
  // Any thread.
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept override {
    return buffer_.try_write(bytes);
  }
  void set_room_hook(std::function<void()> hook) noexcept override {
    buffer_.set_room_hook(std::move(hook));
  }
  void release_writers() noexcept { buffer_.release_writers(); }
  // Only once the executor has stopped.
  void flush(std::chrono::steady_clock::time_point deadline) noexcept;

 private:
  void leave_receiver() noexcept;
  void drain();
  // Writes one piece; false when nothing is left, there is no room, or no peer.
  [[nodiscard]] bool write_next();
  void wait_for_input();
  void read_some();
  void wait_for_leaving();
  void deliver();
  void detach();

  const OutputBuffer::Mode unattended_;
  FdWatch watch_;
  CharacterReceiver* receiver_ = nullptr;
  std::function<void(bool)> on_peer_;
  std::function<void()> on_gone_;
  std::string pending_;  // read, and not yet taken by the receiver
  OutputBuffer buffer_;
};

}  // namespace bothy
