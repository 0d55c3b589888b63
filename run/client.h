// The client's end of an owner's `api` socket (client_protocol.h), for the command line.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "run/instance.h"
#include "run/run_options.h"

namespace bothy::run {

// Connects to an instance's owner. kNotFound, with its state, when nothing runs.
[[nodiscard]] Result<UniqueFd> connect(const Instance& instance);

// Waits for an answer.
[[nodiscard]] Result<boost::json::value> hear(int socket);

// Sends a request and gives the answer; waits for it.
[[nodiscard]] Result<boost::json::value> ask(int socket, const boost::json::object& request);

struct Conversation {
  bool input = false;     // stdin goes to the process
  bool terminal = false;  // the process has a terminal, and so may we
  bool signals = true;    // those that would end us go to the process
  bool visits = false;    // it runs on when nobody reads our output: we leave then
  // What the third SIGINT or SIGTERM in a row is for: the api socket where its owner is asked to
  // kill it. Without, and at the fourth, we leave it alone and end as of that signal.
  std::string api;
};

// Writes all, waiting for room where the descriptor itself doesn't; false when nobody reads it any
// more, or it can't be written to.
[[nodiscard]] bool write_out(int fd, std::span<const std::byte> bytes) noexcept;

// The size of the terminal that we have, if any, into a process's options.
void take_terminal_size(ProcessOptions& options);

// Talks with the process on the other side until it ends, and gives its exit code; kDetached when
// the user has left it with Ctrl-P Ctrl-Q. Words of a failure are the error, with its code beside.
inline constexpr int kDetached = -1;
struct Outcome {
  int code = 0;
  std::string words;     // what bothy itself failed at
  std::string timeline;  // the owner's, as text
};
// What an owner says of a detached start: no words when there was one.
[[nodiscard]] Result<Outcome> start_outcome(const boost::json::value& answer);

// The calling thread's; stdin, stdout and stderr are the process's meanwhile.
[[nodiscard]] Result<Outcome> converse(const UniqueFd& socket, const Conversation& conversation);

}  // namespace bothy::run
