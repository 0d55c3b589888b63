#include "cli/run/command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <ctime>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "arch/cpu_features.h"
#include "base/log.h"
#include "base/units.h"
#include "cli/exit_status.h"
#include "cli/instances/report.h"
#include "cli/json_text.h"
#include "cli/process_clock.h"
#include "cli/progress_line.h"
#include "cli/run/run_flags.h"
#include "run/client.h"
#include "run/conversation.h"
#include "run/start.h"

namespace bothy {
namespace {

// As `bothy inspect` shows it; `otherwise` is the state of an instance that was removed meanwhile.
boost::json::object describe(const run::Started& started, run::State otherwise) {
  if (const auto state = started.instance.state()) {
    return instance_json({started.settings, state.value()});
  }
  auto object = instance_json({started.settings, std::move(otherwise)});
  object.erase("owner");
  object.erase("started");
  return object;
}

// The end of the owner's log, after all output of the command.
void repeat_messages(const UniqueFd& messages) {
  std::array<std::byte, 8192> end;
  const off_t size = std::max(::lseek(messages.get(), 0, SEEK_END), off_t{0});
  const off_t skipped = std::max(size - static_cast<off_t>(end.size()), off_t{0});
  const ssize_t count = ::pread(messages.get(), end.data(), end.size(), skipped);
  if (count > 0) {
    static_cast<void>(
        run::write_out(STDERR_FILENO, std::span(end).first(static_cast<std::size_t>(count))));
  }
}

Result<int> run_detached(run::Started& started, bool json) {
  started.held.release();
  BOTHY_TRY(const run::StartOutcome outcome, run::receive_start_outcome(started.socket));
  if (!outcome.error.empty()) {
    log_line(LogLevel::kError, outcome.error);
    return outcome.code;
  }
  if (json) {
    run::State removed;
    removed.status = run::Status::kExited;
    write_result(pretty_json(describe(started, std::move(removed))));
  } else {
    write_result(started.settings.id);
  }
  return exit_status::kSuccess;
}

// On the last line of stderr: stdout is the command's.
void report_end(const run::Started& started, const run::Outcome& outcome) {
  run::State state;
  state.status = run::Status::kExited;
  state.finished = std::time(nullptr);
  state.exit_code = outcome.code;
  state.error = outcome.error;
  const std::string line = boost::json::serialize(describe(started, std::move(state))) + "\n";
  static_cast<void>(run::write_out(STDERR_FILENO, std::as_bytes(std::span(line))));
}

Result<run::Started> start(const run::RunOptions& options) {
  BOTHY_TRY(const run::IsolationKind* isolation, run::find_isolation(options.isolation));
  ProgressLine line;
  return run::start(options, *isolation,
                    [&line](std::string_view what, std::uint64_t done, std::uint64_t all) {
                      line.update(what, done, all);
                    });
}

Result<int> run_image(const run::RunOptions& options, bool json) {
  BOTHY_TRY(run::Started started, start(options));
  if (options.detach) {
    return run_detached(started, json);
  }
  run::ConversationOptions conversation;
  conversation.input = options.process.interactive;
  conversation.terminal = options.process.terminal;
  conversation.kill_by = started.instance.api_path();
  auto conversed = run::converse(started.socket, conversation);
  const run::Outcome outcome =
      conversed ? std::move(conversed).value()
                : run::Outcome{exit_status::kOwnFailure, conversed.error().context, {}};
  if (options.trace) {
    started.timeline.append(outcome.timeline);
    started.timeline.mark("the client knows the end");
    log_line(LogLevel::kError, "timing\n" + started.timeline.table(process_start()));
  }
  if (outcome.code == run::kDetached) {
    return exit_status::kSuccess;
  }
  repeat_messages(started.messages);
  if (!outcome.error.empty()) {
    log_line(LogLevel::kError, outcome.error);
  }
  if (json) {
    report_end(started, outcome);
  }
  return outcome.code;
}

Result<int> run_with(const RunFlags& flags, const CLI::App& command) {
  BOTHY_TRY(const run::RunOptions options, resolve_run_flags(flags, command.remaining()));
  if (options.sandbox == sandbox::Mode::kOff) {
    log(LogLevel::kWarning, "--sandbox=off: nothing confines bothy if its guest takes it over");
  }
  return run_image(options, flags.json);
}

}  // namespace

void add_run_command(CLI::App& app, int& status) {
  CLI::App* command = app.add_subcommand("run", "Run a command in a new instance of an image");
  auto flags = std::make_shared<RunFlags>();
  add_run_flags(*command, *flags);
  command->callback([command, flags, &status] {
    const auto code = run_with(*flags, *command);
    status = code ? code.value() : exit_status::kOwnFailure;
    if (!code) {
      log_line(LogLevel::kError, code.error().context);
    }
  });
}

}  // namespace bothy
