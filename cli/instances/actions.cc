#include "cli/instances/actions.h"

#include <poll.h>

#include <boost/json/array.hpp>
#include <ctime>
#include <utility>

#include "base/files.h"
#include "base/log.h"
#include "cli/exit_status.h"
#include "cli/instances/report.h"
#include "cli/instances/show_logs.h"
#include "cli/json_text.h"
#include "cli/run/values.h"
#include "run/client.h"
#include "run/conversation.h"
#include "run/isolations/table.h"
#include "run/run_spec.h"

namespace bothy {
namespace {

namespace json = boost::json;

Result<ShownInstance> look_at(const run::Instance& instance) {
  BOTHY_TRY(auto settings, instance.settings());
  BOTHY_TRY(auto state, instance.state());
  return ShownInstance{std::move(settings), std::move(state)};
}

bool has_ended(const run::State& state) {
  return state.status == run::Status::kExited || state.status == run::Status::kLost;
}

Result<int> converse_and_report(const UniqueFd& socket, const run::ConversationOptions& options) {
  BOTHY_TRY(const run::Outcome outcome, run::converse(socket, options));
  if (!outcome.error.empty()) {
    log_line(LogLevel::kError, outcome.error);
  }
  return outcome.code == run::kDetached ? exit_status::kSuccess : outcome.code;
}

// Whether an instance whose owner didn't answer was ending at that moment: its state is then final.
bool wait_for_owner_end(const run::Instance& instance) {
  constexpr int kStep = 20;  // ms
  constexpr int kMaxSteps = 250;
  for (int i = 0; i < kMaxSteps && instance.has_owner(); ++i) {
    static_cast<void>(::poll(nullptr, 0, kStep));
  }
  return !instance.has_owner();
}

Result<void> end(const run::Instance& instance, std::uint32_t timeout) {
  auto stopped = run::ask_stop(instance, timeout);
  if (!stopped && !wait_for_owner_end(instance)) {
    return std::move(stopped).error();
  }
  return success();
}

// The exit code of an instance that has ended, or ends meanwhile.
Result<int> wait_for(const run::Instance& instance) {
  auto code = run::ask_wait(instance);
  if (code || !wait_for_owner_end(instance)) {
    return code;
  }
  BOTHY_TRY(const ShownInstance shown, look_at(instance));
  if (shown.state.status == run::Status::kLost) {
    return make_error(ErrorCode::kSystem, "instance '{}' has no exit code: its owner died",
                      shown.settings.name);
  }
  return shown.state.exit_code;
}

}  // namespace

Result<int> exec(const InstanceFlags& flags, const run::Instances& instances) {
  if (!flags.operands.empty() && flags.operands.front().starts_with('-')) {
    return make_error(ErrorCode::kInvalid, "unknown flag '{}' (see 'bothy exec --help')",
                      printable(flags.operands.front()));
  }
  if (flags.operands.size() < 2) {
    return make_error(ErrorCode::kInvalid, "missing {} (see 'bothy exec --help')",
                      flags.operands.empty() ? "INSTANCE" : "COMMAND");
  }
  BOTHY_TRY(const run::Instance instance, instances.find(flags.operands.front()));
  run::ExecRequest request;
  request.arguments.assign(flags.operands.begin() + 1, flags.operands.end());
  request.process = flags.process;
  BOTHY_TRY(request.process.environment, parse_environment(flags.environment));
  run::take_terminal_size(request.process);
  if (flags.detach) {
    BOTHY_TRY(const run::StartOutcome outcome, run::ask_exec_detached(instance, request));
    if (!outcome.error.empty()) {
      log_line(LogLevel::kError, outcome.error);
    }
    return outcome.code;
  }
  BOTHY_TRY(const UniqueFd socket, run::open_exec(instance, request));
  run::ConversationOptions conversation;
  conversation.input = flags.process.interactive;
  conversation.terminal = flags.process.terminal;
  return converse_and_report(socket, conversation);
}

Result<int> attach(const InstanceFlags& flags, const run::Instances& instances) {
  BOTHY_TRY(const run::Instance instance, instances.find(flags.operands.front()));
  BOTHY_TRY(const run::Settings settings, instance.settings());
  BOTHY_TRY(const UniqueFd socket, run::open_attach(instance));
  run::ConversationOptions conversation;
  conversation.input = !flags.no_stdin;
  conversation.terminal = settings.terminal;
  conversation.detach_on_broken_output = true;
  conversation.kill_by = instance.api_path();
  return converse_and_report(socket, conversation);
}

Result<int> list(const InstanceFlags& flags, const run::Instances& instances) {
  std::vector<ShownInstance> shown;
  for (const run::Instance& instance : instances.list()) {
    auto each = look_at(instance);
    // An instance that is being removed hides no other.
    if (each && (flags.all || !has_ended(each.value().state))) {
      shown.push_back(std::move(each).value());
    }
  }
  if (flags.json) {
    json::array all;
    for (const ShownInstance& each : shown) {
      all.push_back(instance_json(each));
    }
    write_result(pretty_json(all));
  } else if (flags.quiet) {
    for (const ShownInstance& each : shown) {
      write_result(each.settings.id);
    }
  } else {
    write_result(instances_text(shown, std::time(nullptr)));
  }
  return exit_status::kSuccess;
}

Result<int> logs(const InstanceFlags& flags, const run::Instances& instances) {
  BOTHY_TRY(const run::Instance instance, instances.find(flags.operands.front()));
  BOTHY_TRY(show_logs(instance, flags.follow, flags.timestamps));
  return exit_status::kSuccess;
}

Result<int> inspect(const InstanceFlags& flags, const run::Instances& instances) {
  json::array all;
  for (const std::string& name : flags.operands) {
    BOTHY_TRY(const auto instance, instances.find(name));
    BOTHY_TRY(const auto shown, look_at(instance));
    auto object = instance_json(shown);
    const bool runs =
        shown.state.status == run::Status::kRunning || shown.state.status == run::Status::kPaused;
    if (runs && shown.settings.isolation == "vm") {
      object["confinement"] = sandbox_json(shown.state.owner);
    }
    all.push_back(std::move(object));
  }
  write_result(pretty_json(all));
  return exit_status::kSuccess;
}

Result<int> statistics(const InstanceFlags& flags, const run::Instances& instances) {
  BOTHY_TRY(const auto instance, instances.find(flags.operands.front()));
  BOTHY_TRY(const run::Statistics statistics, run::ask_statistics(instance));
  write_result(pretty_json(run::encode(statistics)));
  return exit_status::kSuccess;
}

Result<int> wait(const InstanceFlags& flags, const run::Instances& instances) {
  BOTHY_TRY(const auto instance, instances.find(flags.operands.front()));
  BOTHY_TRY(const int code, wait_for(instance));
  write_result(std::to_string(code));
  return exit_status::kSuccess;
}

Result<int> for_each_instance(const InstanceFlags& flags, const run::Instances& instances,
                              const InstanceAction& action) {
  int status = exit_status::kSuccess;
  for (const std::string& name : flags.operands) {
    const auto instance = instances.find(name);
    const auto done =
        instance ? action(flags, instances, instance.value()) : Result<void>(instance.error());
    if (done) {
      write_result(name);
    } else {
      log(LogLevel::kError, "{}", done.error().context);
      status = 1;
    }
  }
  return status;
}

Result<void> stop_instance(const InstanceFlags& flags, const run::Instances& /*instances*/,
                           const run::Instance& instance) {
  BOTHY_TRY(const ShownInstance shown, look_at(instance));
  return has_ended(shown.state)
             ? success()
             : end(instance, flags.timeout.value_or(shown.settings.stop_timeout));
}

Result<void> kill_instance(const InstanceFlags& flags, const run::Instances& /*instances*/,
                           const run::Instance& instance) {
  BOTHY_TRY(const int signal, run::signal_number(flags.signal));
  return run::ask_kill(instance, signal);
}

namespace {

// What a killed owner has left goes before the instance that says what there is.
Result<void> clear_and_remove(const run::Instances& instances, const run::Instance& instance) {
  if (!instance.has_owner()) {
    BOTHY_TRY(run::clear_lost_instance(instance));
  }
  return instances.remove(instance);
}

}  // namespace

Result<void> remove_instance(const InstanceFlags& flags, const run::Instances& instances,
                             const run::Instance& instance) {
  const auto seen = look_at(instance);
  if (!seen && !instance.has_owner()) {
    return clear_and_remove(instances, instance);  // unfinished or damaged
  }
  BOTHY_TRY(const ShownInstance shown, seen);
  if (!has_ended(shown.state)) {
    if (!flags.force) {
      return make_error(
          ErrorCode::kBusy,
          "can't remove instance '{}' ({}): end the instance with 'bothy stop' first, "
          "or use 'bothy rm -f'",
          shown.settings.name, to_string(shown.state.status));
    }
    BOTHY_TRY(end(instance, 0));
  }
  return clear_and_remove(instances, instance);
}

}  // namespace bothy
