// Pty: a pseudo-terminal for the program that opens its other side.
#pragma once

#include "base/fd_watch.h"
#include "devices/host/console/peer_stream.h"

namespace bothy {

// Raw, with no peer until a program opens where(). Exists as long as this object.
class Pty final : public CharacterBackend {
 public:
  // `what`, a flag, prefixes the errors.
  [[nodiscard]] static Result<std::unique_ptr<Pty>> create(boost::asio::io_context& executor,
                                                           const std::string& what,
                                                           Unattended unattended);
  ~Pty() override = default;

  void write(std::span<const std::byte> bytes) noexcept override { stream_.write(bytes); }
  [[nodiscard]] std::size_t try_write(std::span<const std::byte> bytes) noexcept override {
    return stream_.try_write(bytes);
  }
  void set_room_hook(std::function<void()> hook) noexcept override {
    stream_.set_room_hook(std::move(hook));
  }
  void serve(CharacterReceiver& receiver, std::function<void(bool)> on_peer) override;
  void release_writers() noexcept override { stream_.release_writers(); }
  void flush(std::chrono::steady_clock::time_point deadline) noexcept override {
    stream_.flush(deadline);
  }
  // The path of the terminal.
  [[nodiscard]] std::string where() const override { return path_; }

 private:
  Pty(boost::asio::io_context& executor, UniqueFd master, std::string path, Unattended unattended);

  void wait_for_peer();
  void look_for_peer();

  const UniqueFd master_;
  FdWatch watch_;  // of an inotify instance: the terminal has been opened
  const std::string path_;
  PeerStream stream_;
};

}  // namespace bothy
