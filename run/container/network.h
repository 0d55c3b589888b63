// The network `user` of a container: pasta(1), which carries the packets of its network namespace.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd_watch.h"
#include "base/process.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "run/run_options.h"

namespace bothy::run {

// For the executor's thread. pasta ends with the object, and with this process.
class UserNetwork {
 public:
  struct Hooks {
    std::function<void()> ready;  // once: the interface has its address and routes
    // Instead of, or after `ready`: pasta has ended.
    std::function<void(const std::string&)> failed;
  };

  UserNetwork(boost::asio::io_context& executor, Hooks hooks)
      : hooks_(std::move(hooks)), ready_(executor), exit_(executor) {}

  // Serves a network namespace. `user_namespace`: the one that owns it; -1: the host's.
  // kUnsupported, with the remedy, when pasta isn't installed.
  [[nodiscard]] Result<void> start(int network_namespace, int user_namespace,
                                   const RunOptions& options);
  void stop() noexcept;

 private:
  void on_ready();
  void on_exit();

  const Hooks hooks_;
  FdWatch ready_;
  FdWatch exit_;
  std::optional<Process> process_;
};

// The command line of pasta, which gets the namespaces as descriptors.
[[nodiscard]] std::vector<std::string> pasta_arguments(const RunOptions& options, bool is_root,
                                                       bool has_user_namespace);

}  // namespace bothy::run
