// GuestLink: the host's end of the protocol with bothy-init (guest/protocol/agent.h).
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/acceptor.h"
#include "base/result.h"
#include "base/timer.h"
#include "base/unix_listener.h"
#include "guest/protocol/agent.h"
#include "run/frame_channel.h"
#include "run/isolation.h"

namespace bothy::run {

// For the executor's thread. The form of what the guest sends is checked here, its meaning by the
// hooks: process numbers and streams may be any. Messages are printable text.
class GuestLink {
 public:
  struct Hooks {
    std::function<void()> up;  // the guest's init has connected
    std::function<void(std::uint32_t process, const agent::Opening& opening, UniqueFd)> stream;
    std::function<void(std::uint32_t process)> started;
    std::function<void(std::uint32_t process, int error_number, std::string message)> not_started;
    std::function<void(std::uint32_t process, int wait_status)> exited;
    std::function<void(std::uint32_t process, int error_number, std::string message)> copied;
    std::function<void(std::uint32_t process, const PathInfo&)> path_info;
    std::function<void(const Statistics&)> statistics;
    std::function<void(std::span<const std::uint16_t>)> ports;  // at most agent::kMaxPorts
    std::function<void(std::string message)> failed;
    std::function<void()> closed;  // the guest's init has disconnected
  };

  // Listens where the guest's connections to agent::kPort arrive: `vsock` is the device's path.
  [[nodiscard]] static Result<std::unique_ptr<GuestLink>> listen(boost::asio::io_context& executor,
                                                                 Clock& clock,
                                                                 const std::string& vsock,
                                                                 Hooks hooks);
  GuestLink(const GuestLink&) = delete;
  GuestLink& operator=(const GuestLink&) = delete;
  ~GuestLink();

  [[nodiscard]] bool is_up() const noexcept { return control_ != nullptr; }
  [[nodiscard]] bool is_closed() const noexcept { return had_control_ && !control_; }

  // Without a control stream only signals for the first process are kept, until there is one.
  void start(std::uint32_t process, std::span<const std::byte> records);
  void signal(std::uint32_t process, std::int32_t signal);
  void resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows);
  // An archive unpacked in a directory, or made of a path; its stream carries the token.
  void copy_in(std::uint32_t process, std::uint64_t token, std::string_view directory);
  void copy_out(std::uint32_t process, std::uint64_t token, std::string_view path);
  void request_path_info(std::uint32_t process, std::string_view path);
  // To a port of the guest's loopback addresses, by a stream that carries the token.
  void connect(std::uint32_t process, std::uint64_t token, std::uint16_t port);
  void shut_down();
  void set_clock();  // to the host's time
  void request_statistics();

 private:
  struct Greeting;

  GuestLink(boost::asio::io_context& executor, Clock& clock, UnixListener listener, Hooks hooks);
  void greet(UniqueFd connection);
  void on_greeting(Greeting& greeting);
  void on_frame(const FrameView& frame);
  void send(std::uint16_t type, std::uint32_t process, std::span<const std::byte> bytes = {});
  void send_copy(agent::Type type, std::uint32_t process, std::uint64_t token,
                 std::string_view path);

  boost::asio::io_context& executor_;
  Clock& clock_;
  const Hooks hooks_;
  Acceptor acceptor_;
  std::deque<std::shared_ptr<Greeting>> greetings_;  // the oldest first
  std::shared_ptr<FrameChannel> control_;
  bool had_control_ = false;                 // there is at most one control stream, ever
  std::vector<std::int32_t> early_signals_;  // for the first process
};

}  // namespace bothy::run
