// FdWatch: callbacks for the readiness of a descriptor on an Asio executor.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

// No callback runs after close(), cancel() or the destructor has returned, so a callback may use
// its owner's `this` as long as the watch is a member of the owner. A callback may close or destroy
// the watch.
//
// Threads: everything but post() happens on the executor's thread, or while no thread runs the
// executor.
//
// The descriptor's flags stay as they are: a blocking one, which may be shared with other
// processes, doesn't become non-blocking, and is watched through an epoll instance of its own. A
// descriptor that epoll refuses (a regular file, /dev/null) is always ready; its callbacks take
// turns with others.
class FdWatch {
 public:
  enum class Event : std::uint8_t {
    kReadable,  // or at its end, or hung up
    kWritable,  // or broken
    kHangUp,    // hung up or broken, or urgent data
  };
  using Callback = std::function<void()>;

  explicit FdWatch(boost::asio::io_context& executor);
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;
  ~FdWatch();

  // Watches a descriptor from now on, instead of an earlier one. An owned one is closed with the
  // watch; a borrowed one stays open until close(). On failure nothing is watched.
  [[nodiscard]] Result<void> own(UniqueFd fd);
  [[nodiscard]] Result<void> borrow(int fd);
  void close() noexcept;

  // -1 when nothing is watched.
  [[nodiscard]] int fd() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

  // Calls back once, from the executor and never from within wait(). A wait for the same event that
  // hasn't been answered is replaced. Nothing happens when nothing is watched.
  void wait(Event event, Callback callback);
  [[nodiscard]] bool is_waiting(Event event) const noexcept;
  // Ends all waits.
  void cancel() noexcept;

  // Any thread. Calls back from the executor, unless the watch is destroyed before; close() and
  // cancel() leave the call as it is.
  void post(Callback callback);

 private:
  static constexpr std::size_t kEvents = 3;
  // Shared with handlers that are under way. Each belongs to one generation of waits.
  struct Lifetime {
    std::uint64_t generation = 0;
    bool ended = false;
  };

  [[nodiscard]] Result<void> attach(int fd);
  void arm(Event event);
  void arm_nested();
  void on_nested_ready();
  void on_ready(Event event);
  // A handler that does nothing once the generation is over.
  template <class Function>
  [[nodiscard]] auto guarded(Function function);

  boost::asio::io_context& executor_;
  const std::shared_ptr<Lifetime> lifetime_ = std::make_shared<Lifetime>();
  boost::asio::posix::stream_descriptor descriptor_;  // of fd_ or nested_; never their owner
  int fd_ = -1;
  UniqueFd owned_;
  UniqueFd nested_;  // an epoll instance with fd_ in it, where fd_ is blocking
  bool always_ready_ = false;
  bool nested_armed_ = false;
  std::array<Callback, kEvents> callbacks_;
  std::array<bool, kEvents> armed_{};
};

}  // namespace bothy
