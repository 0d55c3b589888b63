// SocketBackend: a listening unix socket, for one client at a time.
#pragma once

#include "base/fd_watch.h"
#include "base/timer.h"
#include "base/unix_listener.h"
#include "devices/host/console/peer_stream.h"

namespace bothy {

// Further clients wait in the listen queue. The socket's file is removed with this object.
class SocketBackend final : public CharacterBackend {
 public:
  // `what`, a flag, prefixes the errors.
  [[nodiscard]] static Result<std::unique_ptr<SocketBackend>> create(
      boost::asio::io_context& executor, const std::string& what, const std::string& path,
      Unattended unattended);
  ~SocketBackend() override = default;

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
  [[nodiscard]] std::string where() const override { return listener_.path(); }

 private:
  SocketBackend(boost::asio::io_context& executor, UnixListener listener, Unattended unattended);

  void wait_for_client();
  void accept();

  const UnixListener listener_;
  FdWatch watch_;
  Timer timer_;
  PeerStream stream_;
};

}  // namespace bothy
