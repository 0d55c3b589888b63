#include "devices/host/console/input.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace bothy {

Result<std::unique_ptr<ConsoleInput>> ConsoleInput::create(boost::asio::io_context& executor,
                                                           int fd, bool interactive,
                                                           CharacterReceiver& receiver,
                                                           Hooks hooks) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) {
    return errno_error("can't keep the console's input open");
  }
  std::unique_ptr<ConsoleInput> input(
      new ConsoleInput(executor, interactive, receiver, std::move(hooks)));
  BOTHY_TRY(input->watch_.own(std::move(copy)));
  return input;
}

ConsoleInput::ConsoleInput(boost::asio::io_context& executor, bool interactive,
                           CharacterReceiver& receiver, Hooks hooks)
    : watch_(executor), interactive_(interactive), receiver_(receiver), hooks_(std::move(hooks)) {
  receiver_.set_room_hook([this] { watch_.post([this] { deliver(); }); });
}

ConsoleInput::~ConsoleInput() {
  receiver_.set_room_hook(nullptr);
}

void ConsoleInput::start() {
  watch_.post([this] { wait_for_input(); });
}

void ConsoleInput::wait_for_input() {
  watch_.wait(FdWatch::Event::kReadable, [this] { read_some(); });
}

void ConsoleInput::read_some() {
  std::array<std::byte, 4096> buffer;
  const auto size = ::read(watch_.fd(), buffer.data(), buffer.size());
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) {
    wait_for_input();
    return;
  }
  if (size <= 0) {
    return;  // the end, or a terminal that hung up
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
  // The escape keys must work even while the guest takes nothing, so a terminal is read ahead.
  constexpr std::size_t kMaxTypeAhead = 4096;
  if (pending_.empty() || (interactive_ && pending_.size() < kMaxTypeAhead)) {
    wait_for_input();
  }
}

}  // namespace bothy
