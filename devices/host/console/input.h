// ConsoleInput: input of a terminal or a pipe, on its way to a guest.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/fd_watch.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "devices/character.h"
#include "devices/host/console/escape_filter.h"

namespace bothy {

// Reads a descriptor on an executor and feeds a receiver. While the receiver is full nothing is
// read, so the pipe's own limit holds the sender back. At the end of the input the guest receives
// no more. Everything but create() happens on the executor.
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

  // Begins to read. Any thread.
  void start();

 private:
  ConsoleInput(boost::asio::io_context& executor, bool interactive, CharacterReceiver& receiver,
               Hooks hooks);

  void wait_for_input();
  void read_some();
  void deliver();

  FdWatch watch_;
  const bool interactive_;
  CharacterReceiver& receiver_;
  Hooks hooks_;
  EscapeFilter filter_;
  std::string pending_;  // read, and not yet taken by the receiver
};

}  // namespace bothy
