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
#include "base/unix_listener.h"
#include "guest/protocol/agent.h"
#include "run/frame_channel.h"

namespace bothy::run {

// What a guest says of a path: an errno, or what is there.
struct GuestPath {
  int error_number = 0;
  std::uint32_t mode = 0;
  std::string path;  // without links
};

// The executor's alone. What the guest says is checked for its form here, and for its sense by the
// hooks: process numbers and streams are whatever the guest likes.
class GuestLink {
 public:
  struct Hooks {
    std::function<void()> up;  // its init speaks
    std::function<void(std::uint32_t process, const agent::Opening& opening, UniqueFd)> stream;
    std::function<void(std::uint32_t process)> started;
    std::function<void(std::uint32_t process, int error_number, std::string words)> not_started;
    std::function<void(std::uint32_t process, int wait_status)> exited;
    std::function<void(std::uint32_t process, int error_number, std::string words)> copied;
    std::function<void(std::uint32_t process, const GuestPath&)> seen;
    std::function<void(const agent::Statistics&)> statistics;
    std::function<void(std::string words)> failed;
    std::function<void()> gone;  // its init doesn't speak any longer
  };

  // Listens where the guest's connections to agent::kPort arrive: `vsock` is the device's path.
  [[nodiscard]] static Result<std::unique_ptr<GuestLink>> listen(boost::asio::io_context& executor,
                                                                 const std::string& vsock,
                                                                 Hooks hooks);
  GuestLink(const GuestLink&) = delete;
  GuestLink& operator=(const GuestLink&) = delete;
  ~GuestLink();

  [[nodiscard]] bool is_up() const noexcept { return control_ != nullptr; }
  [[nodiscard]] bool has_hung_up() const noexcept { return spoke_ && !control_; }

  // Nothing happens without a control stream, but that signals for the first process wait for it.
  void start(std::uint32_t process, std::span<const std::byte> records);
  void signal(std::uint32_t process, std::int32_t signal);
  void resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows);
  // A path of the root, to be unpacked in, packed, or looked at. The stream carries the token.
  void copy_in(std::uint32_t process, std::uint64_t token, std::string_view directory);
  void copy_out(std::uint32_t process, std::uint64_t token, std::string_view path);
  void look(std::uint32_t process, std::string_view path);
  void shut_down();
  void set_clock();  // to the host's
  void ask_statistics();

 private:
  struct Greeting;

  GuestLink(boost::asio::io_context& executor, UnixListener listener, Hooks hooks);
  void greet(UniqueFd connection);
  void on_greeting(Greeting& greeting);
  void on_frame(const FrameView& frame);
  void send(std::uint16_t type, std::uint32_t process, std::span<const std::byte> bytes = {});
  void send_copy(agent::Type type, std::uint32_t process, std::uint64_t token,
                 std::string_view path);

  boost::asio::io_context& executor_;
  const Hooks hooks_;
  Acceptor acceptor_;
  std::deque<std::shared_ptr<Greeting>> greetings_;  // the oldest first
  std::shared_ptr<FrameChannel> control_;
  bool spoke_ = false;                       // there was a control stream: there is no second
  std::vector<std::int32_t> early_signals_;  // for the first process, from before it
};

}  // namespace bothy::run
