#include "devices/host/console/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <cerrno>

namespace bothy {

Result<std::unique_ptr<ConsoleInput>> ConsoleInput::create(boost::asio::io_context& executor,
                                                           int fd, bool interactive,
                                                           CharacterReceiver& receiver,
                                                           Hooks hooks) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) {
    return errno_error("can't keep the console's input open");
  }
  return std::unique_ptr<ConsoleInput>(
      new ConsoleInput(executor, std::move(copy), interactive, receiver, std::move(hooks)));
}

ConsoleInput::ConsoleInput(boost::asio::io_context& executor, UniqueFd fd, bool interactive,
                           CharacterReceiver& receiver, Hooks hooks)
    : executor_(executor),
      descriptor_(executor),
      interactive_(interactive),
      receiver_(receiver),
      hooks_(std::move(hooks)) {
  boost::system::error_code refused;
  descriptor_.assign(fd.get(), refused);
  if (refused) {
    plain_fd_ = std::move(fd);
  } else {
    (void)fd.release();  // the descriptor object owns it now
  }
  receiver_.set_room_hook([this] { boost::asio::post(executor_, [this] { deliver(); }); });
}

ConsoleInput::~ConsoleInput() {
  receiver_.set_room_hook(nullptr);
}

void ConsoleInput::start() {
  boost::asio::post(executor_, [this] { wait_for_input(); });
}

void ConsoleInput::wait_for_input() {
  if (waiting_) {
    return;
  }
  waiting_ = true;
  if (!descriptor_.is_open()) {
    // A file is always ready: others get their turns all the same.
    boost::asio::post(executor_, [this] {
      waiting_ = false;
      read_some();
    });
    return;
  }
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this](const boost::system::error_code& error) {
                           waiting_ = false;
                           if (!error) {
                             read_some();
                           }
                         });
}

void ConsoleInput::read_some() {
  std::array<std::byte, 4096> buffer;
  const int fd = descriptor_.is_open() ? descriptor_.native_handle() : plain_fd_.get();
  const auto size = ::read(fd, buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
    wait_for_input();
    return;
  }
  if (size <= 0) {
    return;  // the end, or a terminal that hung up: the guest just hears no more
  }
  const std::span<const std::byte> input(buffer.data(), static_cast<std::size_t>(size));
  if (!interactive_) {
    pending_.append(reinterpret_cast<const char*>(input.data()), input.size());
  } else {
    switch (filter_.filter(input, pending_)) {
      case EscapeFilter::Action::kQuit:
        hooks_.quit();
        return;
      case EscapeFilter::Action::kHelp:
        hooks_.help();
        break;
      case EscapeFilter::Action::kNone:
        break;
    }
  }
  deliver();
}

void ConsoleInput::deliver() {
  if (!pending_.empty()) {
    const auto taken = receiver_.receive(std::as_bytes(std::span(pending_)));
    pending_.erase(0, taken);
  }
  // Keys that the console keeps for itself must work even while the guest takes nothing, so
  // somebody at a terminal is always read, as far as there is any sense in it.
  constexpr std::size_t kTypeAhead = 4096;
  if (pending_.empty() || (interactive_ && pending_.size() < kTypeAhead)) {
    wait_for_input();
  }
}

}  // namespace bothy
