// PendingAnswers: clients that wait for an answer which the inside of an instance gives, or
// doesn't.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/timer.h"
#include "run/client_session.h"

namespace bothy::run {

// For the executor's thread.
class PendingAnswers {
 public:
  using Session = std::shared_ptr<ClientSession>;
  using OnTimeout = std::function<void(std::uint32_t number)>;

  // From a request to the end of waiting for its answer.
  static constexpr std::chrono::seconds kTimeout{30};

  // `what` names what the instance didn't do within the timeout: "answer".
  PendingAnswers(boost::asio::io_context& executor, Clock& clock, std::string what,
                 OnTimeout on_timeout = {});

  // A client that the answer of this number is for. When the time is over, the client gets an error
  // instead, and then `on_timeout` is called.
  void add(std::uint32_t number, Session session);
  // The client of an answer that has come; null for an unknown number.
  [[nodiscard]] Session take(std::uint32_t number);
  [[nodiscard]] std::vector<Session> take_all();
  // The client has disconnected.
  void forget(const Session& session);

 private:
  struct Pending {
    Session session;
    std::unique_ptr<Timer> deadline;
  };
  void expire(std::uint32_t number);

  boost::asio::io_context& executor_;
  Clock& clock_;
  const std::string what_;
  const OnTimeout on_timeout_;
  std::map<std::uint32_t, Pending> pending_;
};

}  // namespace bothy::run
