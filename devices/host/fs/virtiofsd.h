// Virtiofsd: a directory of the host, served to a guest by the program virtiofsd.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/companion.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

struct SharedDirectory {
  std::string path;
  bool read_only = false;
  // The name of a regular file in the directory: the guest sees this file under this name, and
  // nothing else of the directory. A file that replaces it later isn't seen. Empty: the directory.
  std::string file = {};
};

// The command line: arguments that both the C implementation (Debian 12) and the Rust one take. It
// drops CAP_MKNOD, so that a guest can't create device nodes on the host.
[[nodiscard]] std::vector<std::string> virtiofsd_command(const std::string& program);

// One process of virtiofsd in its own sandbox: it sees the directory or the file, and nothing else
// of the host. For a user who may not create mount namespaces, it is root in a user namespace in
// which root stands for that user, and no other user is mapped.
//
// The process ends when its socket is closed, also when this process is killed. A companion has
// started it, and kills it where it doesn't end: this process may be confined by then.
class Virtiofsd {
 public:
  // Starts virtiofsd, and doesn't wait until it serves: the first answer on the socket shows that.
  // `what`, a flag, prefixes the errors. kInvalid when there is no such directory; kUnsupported
  // when there is no virtiofsd: the one that $BOTHY_VIRTIOFSD names, or the first in PATH and where
  // distributions install it.
  [[nodiscard]] static Result<std::unique_ptr<Virtiofsd>> start(const std::string& what,
                                                                const SharedDirectory& directory);
  Virtiofsd(const Virtiofsd&) = delete;
  Virtiofsd& operator=(const Virtiofsd&) = delete;
  // Waits up to a second for the process to end, which closing the socket makes it do; then kills
  // it.
  ~Virtiofsd();

  // The connection that speaks vhost-user; empty after the first call. Closing it ends the process.
  [[nodiscard]] UniqueFd take_socket() noexcept { return std::move(socket_); }

  // Kills the process, and returns the last line that it wrote to stderr, for an error.
  [[nodiscard]] std::string kill() noexcept;

 private:
  Virtiofsd(UniqueFd socket, Companion keeper) noexcept
      : socket_(std::move(socket)), keeper_(std::move(keeper)) {}

  UniqueFd socket_;
  std::optional<Companion> keeper_;  // nothing once it was told to end
};

}  // namespace bothy
