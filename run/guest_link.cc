#include "run/guest_link.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

namespace bothy::run {
namespace {

constexpr std::size_t kMostEarlySignals = 32;
constexpr std::size_t kMostGreetings = 64;
constexpr std::chrono::seconds kGreetingPatience{10};

std::string words_of(std::string_view text) {
  std::string words;
  for (const char c : text.substr(0, 1024)) {
    words += c >= ' ' && c <= '~' ? c : '?';  // it ends on somebody's terminal
  }
  return words;
}

// What follows the numbers at the start of a frame.
std::string_view rest_of(const FrameView& frame, std::size_t numbers) {
  return frame.text().substr(std::min(frame.bytes.size(), numbers));
}

}  // namespace

// A connection whose first frame isn't here yet. That frame is read and nothing beyond it, since
// raw bytes may follow.
struct GuestLink::Greeting {
  Greeting(boost::asio::io_context& executor, UniqueFd fd)
      : socket(executor, fd.release()), patience(executor) {}
  void drop() {
    over = true;
    boost::system::error_code ignored;
    socket.close(ignored);
    patience.cancel();
  }
  boost::asio::posix::stream_descriptor socket;
  boost::asio::steady_timer patience;
  agent::Frame frame{};
  agent::Opening opening{};
  bool over = false;  // dropped or greeted: its link may be gone
};

Result<std::unique_ptr<GuestLink>> GuestLink::listen(boost::asio::io_context& executor,
                                                     const std::string& vsock, Hooks hooks) {
  BOTHY_TRY(UnixListener listener,
            UnixListener::bind("vsock", fmt::format("{}_{}", vsock, agent::kPort)));
  return std::unique_ptr<GuestLink>(new GuestLink(executor, std::move(listener), std::move(hooks)));
}

GuestLink::GuestLink(boost::asio::io_context& executor, UnixListener listener, Hooks hooks)
    : executor_(executor),
      hooks_(std::move(hooks)),
      acceptor_(executor, std::move(listener),
                [this](UniqueFd connection) { greet(std::move(connection)); }) {}

GuestLink::~GuestLink() {
  for (const auto& greeting : greetings_) {
    greeting->drop();
  }
  if (control_) {
    control_->close();
  }
}

// Any process of the guest can connect: those that say nothing may be few, and not for long.
void GuestLink::greet(UniqueFd connection) {
  if (greetings_.size() == kMostGreetings) {
    greetings_.front()->drop();
    greetings_.pop_front();
  }
  const auto greeting = std::make_shared<Greeting>(executor_, std::move(connection));
  greetings_.push_back(greeting);
  greeting->patience.expires_after(kGreetingPatience);
  greeting->patience.async_wait([this, greeting](const boost::system::error_code& error) {
    if (!error && !greeting->over) {
      greeting->drop();
      std::erase(greetings_, greeting);
    }
  });
  const std::array buffers{boost::asio::buffer(&greeting->frame, sizeof(greeting->frame)),
                           boost::asio::buffer(&greeting->opening, sizeof(greeting->opening))};
  boost::asio::async_read(greeting->socket, buffers,
                          [this, greeting](const boost::system::error_code& error, std::size_t) {
                            if (std::exchange(greeting->over, true)) {
                              return;
                            }
                            greeting->patience.cancel();
                            std::erase(greetings_, greeting);
                            if (!error && greeting->frame.length == sizeof(greeting->opening)) {
                              on_greeting(*greeting);
                            }
                          });
}

void GuestLink::on_greeting(Greeting& greeting) {
  UniqueFd fd(greeting.socket.release());
  if (greeting.frame.type == agent::kStream) {
    return hooks_.stream(greeting.frame.process, greeting.opening, std::move(fd));
  }
  // One control stream, of a version that is spoken here; any other is closed.
  if (greeting.frame.type != agent::kHello || spoke_ || greeting.opening.value != agent::kVersion) {
    return;
  }
  spoke_ = true;
  control_ = std::make_shared<FrameChannel>(executor_, std::move(fd));
  FrameChannel::Hooks hooks;
  hooks.frame = [this](const FrameView& frame) { on_frame(frame); };
  hooks.closed = [this] {
    control_.reset();
    hooks_.gone();
  };
  control_->start(std::move(hooks));
  hooks_.up();
  for (const std::int32_t number : std::exchange(early_signals_, {})) {
    signal(0, number);
  }
}

void GuestLink::on_frame(const FrameView& frame) {
  switch (frame.type) {
    case agent::kStarted:
      return hooks_.started(frame.process);
    case agent::kNotStarted:
      return hooks_.not_started(frame.process, frame.value<std::int32_t>(),
                                words_of(rest_of(frame, sizeof(std::int32_t))));
    case agent::kExited:
      return hooks_.exited(frame.process, frame.value<std::int32_t>());
    case agent::kCopied:
      return hooks_.copied(frame.process, frame.value<std::int32_t>(),
                           words_of(rest_of(frame, sizeof(std::int32_t))));
    case agent::kSeen: {
      const auto numbers = frame.value<std::array<std::uint32_t, 2>>();
      return hooks_.seen(frame.process, {static_cast<int>(numbers[0]), numbers[1],
                                         std::string(rest_of(frame, sizeof(numbers)))});
    }
    case agent::kStatistics:
      return hooks_.statistics(frame.value<agent::Statistics>());
    case agent::kFailed:
      return hooks_.failed(words_of(frame.text()));
    default:
      return;  // of a later version, or nonsense
  }
}

void GuestLink::send(std::uint16_t type, std::uint32_t process, std::span<const std::byte> bytes) {
  if (control_) {
    control_->send(type, process, bytes);
  }
}

void GuestLink::start(std::uint32_t process, std::span<const std::byte> records) {
  send(agent::kStart, process, records);
}

void GuestLink::signal(std::uint32_t process, std::int32_t signal) {
  if (!spoke_ && process == 0 && early_signals_.size() < kMostEarlySignals) {
    early_signals_.push_back(signal);
  }
  send(agent::kSignal, process, std::as_bytes(std::span(&signal, 1)));
}

void GuestLink::resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) {
  const std::array size{columns, rows};
  send(agent::kResize, process, std::as_bytes(std::span(size)));
}

void GuestLink::copy_in(std::uint32_t process, std::uint64_t token, std::string_view directory) {
  send_copy(agent::kCopyIn, process, token, directory);
}

void GuestLink::copy_out(std::uint32_t process, std::uint64_t token, std::string_view path) {
  send_copy(agent::kCopyOut, process, token, path);
}

void GuestLink::send_copy(agent::Type type, std::uint32_t process, std::uint64_t token,
                          std::string_view path) {
  std::vector<std::byte> content(sizeof(token) + path.size());
  std::memcpy(content.data(), &token, sizeof(token));
  std::memcpy(content.data() + sizeof(token), path.data(), path.size());
  send(type, process, content);
}

void GuestLink::look(std::uint32_t process, std::string_view path) {
  send(agent::kLook, process, std::as_bytes(std::span(path)));
}

void GuestLink::shut_down() {
  send(agent::kShutdown, 0);
}

void GuestLink::set_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::array<std::int64_t, 2> time{now.tv_sec, now.tv_nsec};
  send(agent::kSetClock, 0, std::as_bytes(std::span(time)));
}

void GuestLink::ask_statistics() {
  send(agent::kAskStatistics, 0);
}

}  // namespace bothy::run
