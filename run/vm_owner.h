// VmOwner: a microVM that runs an image, from its building to its end.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/acceptor.h"
#include "base/executor.h"
#include "devices/host/console/character_backend.h"
#include "devices/host/console/tail.h"
#include "run/client_session.h"
#include "run/guest_link.h"
#include "run/log_file.h"
#include "run/owner.h"
#include "run/workload.h"
#include "vmm/machine/machine_run.h"

namespace bothy::run {

inline constexpr int kOwnFailure = 125;  // as Docker has it

// Its one thread is the control executor; everything below happens there. Used once.
//
//   the first process ends --> clients are told --> the guest is asked to power off
//   the machine ends       --> it is stopped --> what is left of the process's output is read
//   both                   --> the state is written, or the instance removed
class VmOwner final : private ClientRequests {
 public:
  explicit VmOwner(OwnedRun run);
  ~VmOwner() override;

  [[nodiscard]] int run();

 private:
  using Session = std::shared_ptr<ClientSession>;

  [[nodiscard]] Result<void> build();
  [[nodiscard]] Result<void> open_console(const std::string& path);
  [[nodiscard]] Result<void> open_api();
  [[nodiscard]] GuestLink::Hooks link_hooks();
  [[nodiscard]] MachineRun::Hooks machine_hooks();
  void watch_signals();
  void watch_timeout();
  Session add_client(UniqueFd socket);

  void on_started(std::uint32_t process);
  void on_not_started(std::uint32_t process, int error_number, const std::string& words);
  void on_first_end(const WorkloadEnd& end);
  void on_machine_ended(const MachineEnd& end);
  void check_done();
  static void tell_outcome(ClientSession& session, int code, const std::string& error);
  void tell_started(const std::string& error);
  void save_state() const;
  void bound_messages();
  void on_hung_up();
  void fail(int code, std::string words);
  void switch_off(int code, std::string words);
  [[nodiscard]] std::string describe_loss(const MachineEnd& end) const;
  void stop_guest(int signal, std::uint32_t seconds);
  void leave();
  void flush_clients();

  [[nodiscard]] Result<std::optional<boost::json::value>> serve(const Session& session,
                                                                const boost::json::object& request);
  [[nodiscard]] Result<void> exec(const Session& session, const boost::json::object& request);
  [[nodiscard]] Result<void> check_running() const;
  // vm_copies.cc
  [[nodiscard]] Result<void> look(const Session& session, const boost::json::object& request);
  [[nodiscard]] Result<void> copy(const Session& session, const boost::json::object& request,
                                  bool into);
  void on_seen(std::uint32_t number, const GuestPath& seen);
  void on_copied(std::uint32_t number, int error_number, const std::string& words);
  void end_copy(const Session& session);
  [[nodiscard]] Result<void> pause(bool paused);
  void tell_statistics(const agent::Statistics& statistics);

  void on_request(const Session& session, const boost::json::object& request) override;
  void on_resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) override;
  void on_signal(std::uint32_t process, int signal) override;
  void on_gone(const Session& session) override;

  OwnedRun run_;
  State state_;
  UniqueFd initramfs_;
  boost::asio::io_context control_{1};
  boost::asio::signal_set signals_{control_};
  boost::asio::steady_timer timeout_{control_};
  boost::asio::steady_timer grace_{control_};       // of what ends
  boost::asio::steady_timer kill_timer_{control_};  // of `stop`
  boost::asio::steady_timer messages_timer_{control_};
  Executor console_executor_{"console"};
  std::unique_ptr<CharacterBackend> console_;
  std::optional<ConsoleTail> tail_;
  std::optional<LogFile> log_;
  std::unique_ptr<GuestLink> link_;
  std::optional<Acceptor> api_;
  std::shared_ptr<Workload> first_;
  std::map<std::uint32_t, std::shared_ptr<Workload>> further_;
  std::uint32_t next_process_ = 1;
  std::set<Session> sessions_;
  std::set<Session> waiting_for_end_;
  std::set<Session> waiting_for_first_;  // to have started
  bool started_told_ = false;
  std::set<Session> waiting_for_statistics_;
  std::map<std::uint32_t, Session> waiting_for_start_;
  std::map<std::uint32_t, Session> waiting_for_look_;
  std::map<std::uint32_t, Session> copies_;  // by their numbers in further_
  std::unique_ptr<MachineRun> machine_;
  bool machine_ended_ = false;
  bool switched_off_ = false;  // its guest isn't asked to power off
};

}  // namespace bothy::run
