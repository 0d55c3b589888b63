#include "run/vm/guest_link.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <chrono>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

namespace bothy::run {
namespace {

constexpr std::size_t kMaxEarlySignals = 32;
constexpr std::size_t kMaxGreetings = 64;
constexpr std::chrono::seconds kGreetingTimeout{10};

static_assert(sizeof(agent::Frame) == sizeof(FrameHeader) && agent::kMaxFrame == kMaxFrame,
              "a FrameChannel carries the frames of the protocol");

// Printable ASCII: a message may be shown on a terminal.
std::string printable_message(std::string_view text) {
  constexpr std::size_t kMaxMessage = 1024;
  std::string message;
  for (const char c : text.substr(0, kMaxMessage)) {
    message += c >= ' ' && c <= '~' ? c : '?';
  }
  return message;
}

Statistics statistics_of(const agent::Statistics& from) {
  return {from.cpu_ns,    from.memory_total, from.memory_available,
          from.processes, from.read_bytes,   from.written_bytes};
}

std::vector<std::uint16_t> ports_of(const FrameView& frame) {
  std::vector<std::uint16_t> ports(
      std::min<std::size_t>(frame.bytes.size() / sizeof(std::uint16_t), agent::kMaxPorts));
  if (!ports.empty()) {
    std::memcpy(ports.data(), frame.bytes.data(), ports.size() * sizeof(std::uint16_t));
  }
  return ports;
}

// The text after the numbers at the start of a frame.
std::string_view rest_of(const FrameView& frame, std::size_t numbers) {
  return frame.text().substr(std::min(frame.bytes.size(), numbers));
}

}  // namespace

// A connection whose first frame hasn't come yet. No more than that frame is read: raw bytes may
// follow.
struct GuestLink::Greeting {
  Greeting(boost::asio::io_context& executor, Clock& clock, UniqueFd fd)
      : socket(executor, fd.release()), timeout(executor, clock) {}
  void drop() {
    over = true;
    boost::system::error_code ignored;
    socket.close(ignored);
    timeout.cancel();
  }
  boost::asio::posix::stream_descriptor socket;
  Timer timeout;
  agent::Frame frame{};
  agent::Opening opening{};
  bool over = false;  // dropped or complete: the link may not exist any more
};

Result<std::unique_ptr<GuestLink>> GuestLink::listen(boost::asio::io_context& executor,
                                                     Clock& clock, const std::string& vsock,
                                                     Hooks hooks) {
  BOTHY_TRY(UnixListener listener,
            UnixListener::bind("vsock", fmt::format("{}_{}", vsock, agent::kPort)));
  return std::unique_ptr<GuestLink>(
      new GuestLink(executor, clock, std::move(listener), std::move(hooks)));
}

GuestLink::GuestLink(boost::asio::io_context& executor, Clock& clock, UnixListener listener,
                     Hooks hooks)
    : executor_(executor),
      clock_(clock),
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

// Any process of the guest can connect: silent connections are limited in number and time.
void GuestLink::greet(UniqueFd connection) {
  if (greetings_.size() == kMaxGreetings) {
    greetings_.front()->drop();
    greetings_.pop_front();
  }
  const auto greeting = std::make_shared<Greeting>(executor_, clock_, std::move(connection));
  greetings_.push_back(greeting);
  greeting->timeout.start(kGreetingTimeout, [this, raw = greeting.get()] {
    const auto found = std::ranges::find(greetings_, raw, &std::shared_ptr<Greeting>::get);
    if (found != greetings_.end()) {
      (*found)->drop();
      greetings_.erase(found);
    }
  });
  const std::array buffers{boost::asio::buffer(&greeting->frame, sizeof(greeting->frame)),
                           boost::asio::buffer(&greeting->opening, sizeof(greeting->opening))};
  boost::asio::async_read(greeting->socket, buffers,
                          [this, greeting](const boost::system::error_code& error, std::size_t) {
                            if (std::exchange(greeting->over, true)) {
                              return;
                            }
                            greeting->timeout.cancel();
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
  // One control stream, of the version that this program has; any other is closed.
  if (greeting.frame.type != agent::kHello || had_control_ ||
      greeting.opening.value != agent::kVersion) {
    return;
  }
  had_control_ = true;
  control_ = std::make_shared<FrameChannel>(executor_, std::move(fd));
  FrameChannel::Hooks hooks;
  hooks.frame = [this](const FrameView& frame) { on_frame(frame); };
  hooks.closed = [this] {
    control_.reset();
    hooks_.closed();
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
                                printable_message(rest_of(frame, sizeof(std::int32_t))));
    case agent::kExited:
      return hooks_.exited(frame.process, frame.value<std::int32_t>());
    case agent::kCopied:
      return hooks_.copied(frame.process, frame.value<std::int32_t>(),
                           printable_message(rest_of(frame, sizeof(std::int32_t))));
    case agent::kSeen: {
      const auto numbers = frame.value<std::array<std::uint32_t, 2>>();
      return hooks_.path_info(frame.process, {static_cast<int>(numbers[0]), numbers[1],
                                              std::string(rest_of(frame, sizeof(numbers)))});
    }
    case agent::kStatistics:
      return hooks_.statistics(statistics_of(frame.value<agent::Statistics>()));
    case agent::kPorts:
      return hooks_.ports(ports_of(frame));
    case agent::kFailed:
      return hooks_.failed(printable_message(frame.text()));
    default:
      return;  // of a later version, or meaningless
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
  if (!had_control_ && process == 0 && early_signals_.size() < kMaxEarlySignals) {
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

void GuestLink::request_path_info(std::uint32_t process, std::string_view path) {
  send(agent::kLook, process, std::as_bytes(std::span(path)));
}

void GuestLink::connect(std::uint32_t process, std::uint64_t token, std::uint16_t port) {
  const agent::Connect request{token, port, 0};
  send(agent::kConnect, process, std::as_bytes(std::span(&request, 1)));
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

void GuestLink::request_statistics() {
  send(agent::kAskStatistics, 0);
}

}  // namespace bothy::run
