// NotifySocket: how a container's process tells the caller's service manager that it is ready
// (sd_notify(3)). The caller has NOTIFY_SOCKET in its environment; the container gets a socket of
// its own, of which nothing but "READY=1" is passed on, with the process's number in the caller's
// PID namespace.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "container/spec.h"
#include "oci/record.h"

namespace bothy::oci {

class NotifySocket {
 public:
  // Whether the caller has a service manager.
  [[nodiscard]] static bool is_wanted();
  // Adds the socket's directory, ROOT/ID/notify, and its name to a container that is made.
  [[nodiscard]] static Result<void> prepare(const Records& records, const std::string& id,
                                            container::OciSpec& spec);
  // Before the container's process runs. Nothing when the caller has no service manager now, or
  // had none when the container was made.
  [[nodiscard]] static Result<std::optional<NotifySocket>> bind(const Records& records,
                                                                const std::string& id);

  // Readable when the container has sent something.
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  // Receives one message. True if the process is ready, and nothing more is to be received: the
  // service manager has been told, and has read it; that it can't be reached is logged.
  [[nodiscard]] bool receive(pid_t pid) const;
  // Blocks until the process is ready or has ended.
  void wait(const Record& record) const;

 private:
  explicit NotifySocket(UniqueFd socket) noexcept : socket_(std::move(socket)) {}

  UniqueFd socket_;
};

}  // namespace bothy::oci
