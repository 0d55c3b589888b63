#include "oci/caller_sockets.h"

#include <charconv>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/send_descriptors.h"
#include "base/unix_listener.h"

namespace bothy::oci {

Result<UniqueFd> connect_console(const std::string& path, bool terminal, bool attached) {
  if (!terminal) {
    return path.empty()
               ? Result<UniqueFd>(UniqueFd())
               : make_error(ErrorCode::kInvalid, "--console-socket: process.terminal is false");
  }
  if (path.empty()) {
    return attached ? Result<UniqueFd>(UniqueFd())
                    : make_error(ErrorCode::kInvalid, "process.terminal needs --console-socket");
  }
  return connect_unix(path);
}

Result<void> send_pidfd(const std::string& path, int pidfd) {
  BOTHY_TRY(const UniqueFd socket, connect_unix(path));
  if (!send_descriptors(socket.get(), std::span(&pidfd, 1))) {
    return errno_error(fmt::format("can't send a pidfd to '{}'", path));
  }
  return success();
}

std::uint32_t pass_listen_fds(container::Process& process, std::uint32_t preserved, bool first) {
  const char* count_text = std::getenv("LISTEN_FDS");
  const std::string_view text = count_text == nullptr ? "" : count_text;
  constexpr std::uint32_t kMaxSockets = 1024;
  std::uint32_t count = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), count);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || count == 0 ||
      count > kMaxSockets) {
    return preserved;
  }
  process.environment.push_back(fmt::format("LISTEN_FDS={}", count));
  if (const char* names = std::getenv("LISTEN_FDNAMES")) {
    process.environment.push_back(fmt::format("LISTEN_FDNAMES={}", names));
  }
  // Any other number isn't known before the process is: it goes without.
  if (first) {
    process.environment.emplace_back("LISTEN_PID=1");
  }
  return preserved + count;
}

}  // namespace bothy::oci
