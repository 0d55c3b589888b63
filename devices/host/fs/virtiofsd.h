// Virtiofsd: a directory of the host, served to a guest by the program of that name.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy {

struct SharedDirectory {
  std::string path;
  bool read_only = false;
  // A regular file's name in the directory: the guest sees it, under this name, and nothing else of
  // the directory. It is that file, not that name: what replaces it later isn't seen. Empty: all.
  std::string file = {};
};

// One process of virtiofsd, the one in C (Debian 12) or the one in Rust, in its own sandbox: it
// sees that directory, or that file, and nothing else of the host. Under a user who may not make
// mount namespaces it is root in a user namespace where root stands for that user, and nobody else
// is mapped.
//
// It ends when its socket is closed, however we end.
class Virtiofsd {
 public:
  // Starts it, and doesn't wait until it serves: what it answers on the socket tells. `what` begins
  // the errors. kInvalid when there is no such directory, kUnsupported when there is no virtiofsd:
  // $BOTHY_VIRTIOFSD is one, or PATH has one, or Debian's places.
  [[nodiscard]] static Result<std::unique_ptr<Virtiofsd>> start(const std::string& what,
                                                                const SharedDirectory& directory);
  Virtiofsd(const Virtiofsd&) = delete;
  Virtiofsd& operator=(const Virtiofsd&) = delete;
  // Waits a moment until it has ended by itself, which it does once the socket is closed, or kills
  // it.
  ~Virtiofsd();

  // Where it speaks vhost-user, for who asks first. Closing it ends the process.
  [[nodiscard]] UniqueFd take_socket() noexcept { return std::move(socket_); }

  // Kills it, and gives the last line that it has said, for an error.
  [[nodiscard]] std::string kill() noexcept;

 private:
  Virtiofsd(UniqueFd socket, UniqueFd words, pid_t pid) noexcept
      : socket_(std::move(socket)), words_(std::move(words)), pid_(pid) {}

  void end() noexcept;

  UniqueFd socket_;
  UniqueFd words_;  // what it writes to stderr
  pid_t pid_;       // -1: reaped
};

}  // namespace bothy
