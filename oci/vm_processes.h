// VmProcesses: how the owner of a microVM serves `exec` and `pause` (vm_exec.h).
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/acceptor.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "run/client_session.h"
#include "run/isolation.h"
#include "run/workload.h"

namespace bothy::oci {

// For the executor's thread. What the isolation reports of processes other than the first belongs
// here.
class VmProcesses final : private run::ClientRequests {
 public:
  VmProcesses(boost::asio::io_context& executor, run::Isolation& isolation)
      : executor_(executor), isolation_(isolation) {}

  [[nodiscard]] Result<void> listen(const std::string& path);
  // The first process has ended, and no other outlives it.
  void end_all();

  void on_started(std::uint32_t process);
  void on_not_started(std::uint32_t process, int error_number, const std::string& message);
  void on_stream(std::uint32_t process, std::uint32_t index, UniqueFd stream);
  void on_exited(std::uint32_t process, int wait_status);

 private:
  using Session = std::shared_ptr<run::ClientSession>;
  struct Process {
    Session session;
    std::shared_ptr<run::Workload> workload;
    // Kept until the client has its answer: what comes from them follows that.
    std::array<UniqueFd, 3> early;
    bool started = false;
  };

  [[nodiscard]] Result<void> serve(const Session& session, const boost::json::object& request);
  [[nodiscard]] Result<void> start(const Session& session, const boost::json::object& request);
  void remove(std::uint32_t process);

  void on_request(const Session& session, const boost::json::object& request) override;
  void on_resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) override;
  void on_signal(std::uint32_t process, int signal) override;
  void on_client_disconnected(const Session& session) override;

  boost::asio::io_context& executor_;
  run::Isolation& isolation_;
  std::optional<Acceptor> acceptor_;
  std::set<Session> sessions_;
  std::map<std::uint32_t, Process> processes_;
  std::uint32_t next_ = 1;
};

}  // namespace bothy::oci
