// Owner: the process that owns an instance, from the start of its first process to what clients are
// told of its end. It serves clients and keeps the log and the state; an Isolation runs the
// processes.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/acceptor.h"
#include "base/result.h"
#include "base/timer.h"
#include "base/unique_fd.h"
#include "run/client_session.h"
#include "run/instance.h"
#include "run/instances.h"
#include "run/isolation.h"
#include "run/log_file.h"
#include "run/pending_answers.h"
#include "run/requests.h"
#include "run/run_options.h"
#include "run/run_spec.h"
#include "run/timeline.h"
#include "run/workload.h"

namespace bothy::run {

// Signals that an owner's process ignores, since it outlives the terminal of its starter. What it
// starts must not.
inline constexpr std::array kSignalsIgnoredByOwner{SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE};

// What an owner takes over from the process that starts the instance.
struct OwnedRun {
  RunOptions options;
  Settings settings;
  ProcessSpec process;
  std::unique_ptr<PreparedIsolation> isolation;
  Instances instances;
  Instances::Created created;
  Timeline timeline;
  UniqueFd client;  // the starter's connection, as if to `api`; may be empty
};

// Everything below happens on the thread that calls run(), once.
//
//   the first process ends --> clients are told --> the isolation shuts down
//   the isolation ends     --> what is left of the process's output is read
//   both                   --> the state is written, or the instance removed
class Owner final : private IsolationEvents, private ClientRequests {
 public:
  explicit Owner(OwnedRun run, Clock& clock = Clock::steady());
  ~Owner() override;

  // Runs the instance to its end in the calling process, whose only thread this is. A failure is
  // told to the client and written to the instance's state. Gives the exit status.
  [[nodiscard]] int run();

 private:
  using Session = std::shared_ptr<ClientSession>;
  struct Command;  // of the table of requests

  [[nodiscard]] Result<void> start();
  [[nodiscard]] Result<void> open_api();
  void watch_signals();
  void watch_timeout();
  void limit_own_log();
  void save_state() const;

  // owner_clients.cc
  Session add_client(UniqueFd socket);
  [[nodiscard]] Result<void> serve(const Session& session, const boost::json::object& request);
  [[nodiscard]] Result<void> handle(const Session& session, const AttachRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const WaitRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const StopRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const KillRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const PauseRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const ResumeRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const StatisticsRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const ExecRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const PathInfoRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const CopyInRequest& request);
  [[nodiscard]] Result<void> handle(const Session& session, const CopyOutRequest& request);
  [[nodiscard]] Result<void> check_running() const;
  [[nodiscard]] Error not_running() const;
  void report_first_start(const std::string& error);

  void on_request(const Session& session, const boost::json::object& request) override;
  void on_resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) override;
  void on_signal(std::uint32_t process, int signal) override;
  void on_client_disconnected(const Session& session) override;

  // owner_processes.cc
  [[nodiscard]] Workload* find_process(std::uint32_t process);
  std::uint32_t add_process(Workload::Setup setup);
  std::uint32_t begin_copy(const Session& session, bool into);
  void end_copies(const Session& session);

  void on_started(std::uint32_t process) override;
  void on_not_started(std::uint32_t process, int error_number, const std::string& message) override;
  void on_stream(std::uint32_t process, std::uint32_t index, UniqueFd stream) override;
  void on_exited(std::uint32_t process, int wait_status) override;
  void on_copied(std::uint32_t copy, int error_number, const std::string& message) override;
  void on_path_info(std::uint32_t request, const PathInfo& info) override;
  void on_statistics(const Statistics& statistics) override;

  // owner_end.cc
  [[nodiscard]] Result<void> set_paused(bool paused);
  void stop(int signal, std::uint32_t seconds);
  void fail(int code, std::string error);
  void fail_at_once(int code, std::string error);
  void on_first_end(const WorkloadEnd& end);
  void check_done();
  void leave();
  void flush_clients();

  void on_disconnected(const std::string& message) override;
  void on_failed(const std::string& message) override;
  void on_ended(const std::string& reason) override;

  OwnedRun run_;
  State state_;
  boost::asio::io_context control_{1};
  boost::asio::signal_set signals_{control_};
  Clock& clock_;
  Timer timeout_{control_, clock_};
  Timer kill_timer_{control_, clock_};    // of stop()
  Timer output_timer_{control_, clock_};  // after the isolation's end
  Timer own_log_timer_{control_, clock_};
  std::optional<LogFile> log_;
  std::optional<Acceptor> api_;

  std::shared_ptr<Workload> first_;
  std::map<std::uint32_t, std::shared_ptr<Workload>> further_;  // processes and copies
  std::map<std::uint32_t, Session> copies_;                     // the clients of copies
  std::uint32_t next_number_ = 1;                               // of processes and requests

  std::set<Session> sessions_;
  std::set<Session> waiting_for_end_;
  std::set<Session> waiting_for_first_start_;
  bool first_start_reported_ = false;
  PendingAnswers pending_starts_;
  PendingAnswers pending_path_infos_;
  PendingAnswers pending_statistics_;

  std::unique_ptr<Isolation> isolation_;
  bool ended_ = false;  // nothing runs any more
  bool is_disconnected_ = false;
  bool shut_down_at_once_ = false;
};

}  // namespace bothy::run
