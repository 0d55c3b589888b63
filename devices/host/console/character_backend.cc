#include "devices/host/console/character_backend.h"

#include <fcntl.h>

#include "base/log.h"
#include "devices/host/console/output.h"
#include "devices/host/console/pty.h"
#include "devices/host/console/socket_backend.h"

namespace bothy {
namespace {

Result<std::unique_ptr<CharacterBackend>> open_file(boost::asio::io_context& executor,
                                                    const std::string& what,
                                                    const std::string& path) {
  // O_NONBLOCK: a FIFO that nobody reads is an error, and not a wait.
  constexpr mode_t kMode = 0644;
  const UniqueFd fd(::open(
      path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, kMode));
  if (!fd) {
    Error error = errno_error(what + ": can't write to " + path);
    error.code = ErrorCode::kInvalid;  // what isn't there is no input of the machine's
    return error;
  }
  BOTHY_TRY(auto output, ConsoleOutput::create(executor, fd.get(), [what, path](int error_number) {
              log(LogLevel::kWarning, "{}; what the guest writes is dropped from now on",
                  errno_error(what + ": can't write to " + path, error_number).context);
            }));
  return std::unique_ptr<CharacterBackend>(std::move(output));
}

template <class Backend>
Result<std::unique_ptr<CharacterBackend>> as_backend(Result<std::unique_ptr<Backend>> made) {
  BOTHY_TRY(auto backend, std::move(made));
  return std::unique_ptr<CharacterBackend>(std::move(backend));
}

}  // namespace

Result<std::unique_ptr<CharacterBackend>> create_backend(boost::asio::io_context& executor,
                                                         const std::string& what,
                                                         const CharacterBackendConfig& config,
                                                         Unattended unattended) {
  switch (config.kind) {
    case CharacterBackendConfig::Kind::kPty:
      return as_backend(Pty::create(executor, what, unattended));
    case CharacterBackendConfig::Kind::kFile:
      return open_file(executor, what, config.path);
    case CharacterBackendConfig::Kind::kSocket:
      return as_backend(SocketBackend::create(executor, what, config.path, unattended));
    case CharacterBackendConfig::Kind::kStdio:
      break;
  }
  return make_error(ErrorCode::kInvalid, "{}: stdio belongs to the console alone", what);
}

}  // namespace bothy
