// ConsoleInput: what somebody types, or pipes, on its way to a guest.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "devices/character.h"
#include "devices/host/console/escape_filter.h"

namespace bothy {

// Reads a descriptor on an executor and feeds a receiver. When the receiver is full it reads no
// more until there is room: the pipe's own limit then holds the sender back. The end of the input
// is simply that. Everything but create() happens on the executor.
class ConsoleInput {
 public:
  struct Hooks {
    std::function<void()> quit;  // Ctrl-A x; only where `interactive`
    std::function<void()> help;  // Ctrl-A h
  };

  // Reads a duplicate of `fd`. The receiver outlives this object, which removes its room hook.
  [[nodiscard]] static Result<std::unique_ptr<ConsoleInput>> create(
      boost::asio::io_context& executor, int fd, bool interactive, CharacterReceiver& receiver,
      Hooks hooks);
  ConsoleInput(const ConsoleInput&) = delete;
  ConsoleInput& operator=(const ConsoleInput&) = delete;
  ~ConsoleInput();

  // Begins to read.
  void start();

 private:
  ConsoleInput(boost::asio::io_context& executor, UniqueFd fd, bool interactive,
               CharacterReceiver& receiver, Hooks hooks);

  void wait_for_input();
  void read_some();
  void deliver();

  boost::asio::io_context& executor_;
  boost::asio::posix::stream_descriptor descriptor_;
  UniqueFd plain_fd_;  // a file that epoll refuses: always ready
  const bool interactive_;
  CharacterReceiver& receiver_;
  Hooks hooks_;
  EscapeFilter filter_;
  std::string pending_;  // read, and not yet taken by the receiver
  bool waiting_ = false;
};

}  // namespace bothy
