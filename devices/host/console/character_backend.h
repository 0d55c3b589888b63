// CharacterBackend: the host's end of a console device.
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

// A sink for the guest's output and a source of its input. The owner constructs, serves and
// destroys it while the executor doesn't run; everything else happens on the executor.
class CharacterBackend : public CharacterSink {
 public:
  // Passes input from the host to `receiver` from now on, and calls `on_peer` on the executor
  // whenever a peer attaches or leaves. Called once. The receiver outlives this object, or its
  // flush().
  virtual void serve(CharacterReceiver& receiver, std::function<void(bool present)> on_peer) = 0;
  // From now on writes never wait: what doesn't fit is dropped. Any thread.
  virtual void release_writers() noexcept = 0;
  // Writes buffered output, waiting for a slow reader until `deadline`. Only once the executor has
  // stopped.
  virtual void flush(std::chrono::steady_clock::time_point deadline) noexcept = 0;
  // The path by which a user reaches the console; empty where the user has chosen it.
  [[nodiscard]] virtual std::string where() const { return {}; }
};

// What happens to output while there is no peer.
enum class Unattended {
  kKeepNewest,  // the newest is kept as far as there is room, for the next peer
  kWait,        // none is taken
};

// Any kind but kStdio. `what`, a flag, prefixes the errors.
[[nodiscard]] Result<std::unique_ptr<CharacterBackend>> create_backend(
    boost::asio::io_context& executor, const std::string& what,
    const CharacterBackendConfig& config, Unattended unattended);

}  // namespace bothy
