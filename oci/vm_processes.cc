#include "oci/vm_processes.h"

#include <csignal>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json_fields.h"
#include "base/unix_listener.h"
#include "oci/vm_exec.h"
#include "run/exit_codes.h"

namespace bothy::oci {

Result<void> VmProcesses::listen(const std::string& path) {
  BOTHY_TRY(UnixListener listener, UnixListener::bind("the owner's socket", path));
  acceptor_.emplace(executor_, std::move(listener), [this](UniqueFd socket) {
    run::ClientRequests& requests = *this;
    const auto session =
        std::make_shared<run::ClientSession>(executor_, std::move(socket), requests);
    sessions_.insert(session);
    session->start();
  });
  return success();
}

void VmProcesses::on_request(const Session& session, const boost::json::object& request) {
  if (const auto served = serve(session, request); !served) {
    session->refuse(served.error().context);
  }
}

Result<void> VmProcesses::serve(const Session& session, const boost::json::object& request) {
  BOTHY_TRY(const std::string verb, JsonFields(request, "the request").text("verb"));
  if (verb == kExecRequest) {
    return start(session, request);
  }
  if (verb != kPauseRequest && verb != kResumeRequest) {
    return make_error(ErrorCode::kInvalid, "unknown request '{}'", printable(verb));
  }
  BOTHY_TRY(verb == kPauseRequest ? isolation_.pause() : isolation_.resume());
  session->answer(nullptr);
  session->finish();
  return success();
}

Result<void> VmProcesses::start(const Session& session, const boost::json::object& request) {
  BOTHY_TRY(isolation_.check_connected());
  BOTHY_TRY(const run::ProcessSpec spec, decode_process(request));
  const std::uint32_t number = next_++;
  run::Workload::Setup setup;
  setup.terminal = spec.terminal;
  setup.input = true;
  auto workload =
      std::make_shared<run::Workload>(executor_, Clock::steady(), setup,
                                      [this, number](const run::WorkloadEnd&) { remove(number); });
  processes_[number] = {session, std::move(workload), {}, false};
  if (const auto started = isolation_.start_process(number, spec); !started) {
    processes_.erase(number);
    return started.error();
  }
  return success();
}

void VmProcesses::remove(std::uint32_t process) {
  isolation_.forget(process);
  processes_.erase(process);
}

void VmProcesses::on_started(std::uint32_t process) {
  const auto found = processes_.find(process);
  if (found == processes_.end() || std::exchange(found->second.started, true)) {
    return;
  }
  Process& started = found->second;
  started.session->answer(boost::json::object{{"errno", 0}});
  started.session->attach(process, started.workload);
  for (std::uint32_t i = 0; i < started.early.size(); ++i) {
    if (started.early.at(i)) {
      started.workload->set_stream(i, std::move(started.early.at(i)));
    }
  }
}

void VmProcesses::on_not_started(std::uint32_t process, int error_number,
                                 const std::string& message) {
  const auto found = processes_.find(process);
  if (found == processes_.end() || found->second.started) {
    return;
  }
  found->second.session->answer(boost::json::object{{"errno", error_number}, {"message", message}});
  found->second.session->finish();
  remove(process);
}

void VmProcesses::on_stream(std::uint32_t process, std::uint32_t index, UniqueFd stream) {
  const auto found = processes_.find(process);
  if (found == processes_.end() || index >= found->second.early.size()) {
    return;
  }
  if (found->second.started) {
    found->second.workload->set_stream(index, std::move(stream));
  } else {
    found->second.early.at(index) = std::move(stream);
  }
}

void VmProcesses::on_exited(std::uint32_t process, int wait_status) {
  if (const auto found = processes_.find(process); found != processes_.end()) {
    const auto workload = found->second.workload;  // its end removes it from the map
    workload->set_exited(wait_status);
  }
}

void VmProcesses::end_all() {
  std::vector<std::shared_ptr<run::Workload>> all;  // their ends remove them from the map
  for (const auto& [number, process] : processes_) {
    all.push_back(process.workload);
  }
  for (const auto& workload : all) {
    workload->fail(run::kSignalBase + SIGKILL, {});
  }
}

void VmProcesses::on_resize(std::uint32_t process, std::uint16_t columns, std::uint16_t rows) {
  isolation_.resize(process, columns, rows);
}

void VmProcesses::on_signal(std::uint32_t process, int signal) {
  isolation_.signal(process, signal);
}

// A stub that was killed: the process is killed with it.
void VmProcesses::on_client_disconnected(const Session& session) {
  for (const auto& [number, process] : processes_) {
    if (process.session == session) {
      isolation_.signal(number, SIGKILL);
    }
  }
  sessions_.erase(session);
}

}  // namespace bothy::oci
