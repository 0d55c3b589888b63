#include "run/pending_answers.h"

#include <fmt/format.h>

#include <utility>

namespace bothy::run {

PendingAnswers::PendingAnswers(boost::asio::io_context& executor, Clock& clock, std::string what,
                               OnTimeout on_timeout)
    : executor_(executor),
      clock_(clock),
      what_(std::move(what)),
      on_timeout_(std::move(on_timeout)) {}

void PendingAnswers::add(std::uint32_t number, Session session) {
  Pending& pending = pending_[number];
  pending.session = std::move(session);
  pending.deadline = std::make_unique<Timer>(executor_, clock_);
  pending.deadline->start(kTimeout, [this, number] { expire(number); });
}

PendingAnswers::Session PendingAnswers::take(std::uint32_t number) {
  auto node = pending_.extract(number);
  return node.empty() ? nullptr : std::move(node.mapped().session);
}

std::vector<PendingAnswers::Session> PendingAnswers::take_all() {
  std::vector<Session> sessions;
  for (auto& [number, pending] : std::exchange(pending_, {})) {
    sessions.push_back(pending.session);
  }
  return sessions;
}

void PendingAnswers::forget(const Session& session) {
  std::erase_if(pending_, [&](const auto& each) { return each.second.session == session; });
}

void PendingAnswers::expire(std::uint32_t number) {
  if (const Session session = take(number)) {
    session->refuse(
        fmt::format("the instance didn't {} within {} seconds", what_, kTimeout.count()));
  }
  if (on_timeout_) {
    on_timeout_(number);
  }
}

}  // namespace bothy::run
