// CharacterBackend: what a console device's bytes come from and go to on the host.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "devices/character.h"
#include "devices/host/console/config.h"

namespace bothy {

// A sink with the other direction, and an end. Built, served and destroyed by its owner, with the
// executor stopped at both ends of its life or not yet running; all else happens there.
class CharacterBackend : public CharacterSink {
 public:
  // Hands what comes from the host to `receiver` from now on, and calls `on_peer`, on the executor,
  // whenever somebody comes to the other end or leaves it. Once. The receiver outlives this
  // object, or its flush().
  virtual void serve(CharacterReceiver& receiver, std::function<void(bool present)> on_peer) = 0;
  // Ends waiting: from now on everything is taken at once, and what doesn't fit is dropped. Any
  // thread.
  virtual void release_writers() noexcept = 0;
  // Writes what is left, waiting for a slow reader until `deadline`. Only once the executor has
  // stopped.
  virtual void flush(std::chrono::steady_clock::time_point deadline) noexcept = 0;
  // What somebody must know to reach it, a path; empty where that is clear.
  [[nodiscard]] virtual std::string where() const { return {}; }
};

// Whose output nobody is there to read.
enum class Unattended {
  kKeepNewest,  // is kept as far as there is room: whoever comes reads what led to now
  kWait,        // isn't taken
};

// Any kind but kStdio. `what` begins the errors: a flag's name.
[[nodiscard]] Result<std::unique_ptr<CharacterBackend>> create_backend(
    boost::asio::io_context& executor, const std::string& what,
    const CharacterBackendConfig& config, Unattended unattended);

}  // namespace bothy
