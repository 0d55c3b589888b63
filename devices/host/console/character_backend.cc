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
  // O_NONBLOCK: a FIFO without a reader is an error instead of a wait.
  constexpr mode_t kMode = 0644;
  const UniqueFd fd(::open(
      path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, kMode));
  if (!fd) {
    Error error = errno_error(fmt::format("{}: can't open '{}' for writing", what, path));
    error.code = ErrorCode::kInvalid;  // kNotFound stands for the machine's inputs
    return error;
  }
  BOTHY_TRY(
      auto output, ConsoleOutput::create(executor, fd.get(), [what, path](int error_number) {
        log(LogLevel::kWarning, "{}; further output of the guest is dropped",
            errno_error(fmt::format("{}: can't write to '{}'", what, path), error_number).context);
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
  return make_error(ErrorCode::kInvalid, "{}: only the console can use stdio", what);
}

}  // namespace bothy
