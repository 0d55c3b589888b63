#include "cli/instances/commands.h"

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <csignal>
#include <ctime>
#include <functional>
#include <memory>
#include <utility>

#include "base/log.h"
#include "cli/exit_status.h"
#include "cli/instances/report.h"
#include "cli/instances/show_logs.h"
#include "cli/json_text.h"
#include "cli/run/flags.h"
#include "run/client.h"
#include "run/instances.h"
#include "run/run_spec.h"

namespace bothy {
namespace {

namespace json = boost::json;

struct Request {
  std::vector<std::string> subjects;
  run::ProcessOptions process;
  std::vector<std::string> environment;
  std::string signal = "KILL";
  std::int64_t timeout = -1;
  bool all = false;
  bool detach = false;
  bool follow = false;
  bool force = false;
  bool json = false;
  bool no_stdin = false;
  bool quiet = false;
  bool timestamps = false;
};

Result<ShownInstance> look_at(const run::Instance& instance) {
  BOTHY_TRY(auto settings, instance.settings());
  BOTHY_TRY(auto state, instance.state());
  return ShownInstance{std::move(settings), std::move(state)};
}

// Asks an instance's owner one thing.
Result<json::value> tell(const run::Instance& instance, const json::object& request) {
  BOTHY_TRY(const UniqueFd socket, run::connect(instance));
  return run::ask(socket.get(), request);
}

Result<int> talk(const UniqueFd& socket, const run::Conversation& conversation) {
  BOTHY_TRY(const run::Outcome outcome, run::converse(socket, conversation));
  if (!outcome.words.empty()) {
    log_line(LogLevel::kError, outcome.words);
  }
  return outcome.code == run::kDetached ? exit_status::kSuccess : outcome.code;
}

Result<int> exec(const Request& request, const run::Instances& instances) {
  if (request.subjects.size() < 2 || request.subjects.front().starts_with('-')) {
    return make_error(ErrorCode::kInvalid, "exec wants an instance and a command");
  }
  BOTHY_TRY(const run::Instance instance, instances.find(request.subjects.front()));
  json::array arguments;
  for (std::size_t i = 1; i < request.subjects.size(); ++i) {
    arguments.emplace_back(request.subjects[i]);
  }
  BOTHY_TRY(const auto variables, parse_environment(request.environment));
  json::array environment;
  for (const std::string& variable : variables) {
    environment.emplace_back(variable);
  }
  run::ProcessOptions process = request.process;
  run::take_terminal_size(process);
  BOTHY_TRY(const UniqueFd socket, run::connect(instance));
  BOTHY_TRY(const json::value answer,
            run::ask(socket.get(), {{"verb", "exec"},
                                    {"arguments", std::move(arguments)},
                                    {"environment", std::move(environment)},
                                    {"directory", request.process.directory},
                                    {"user", request.process.user},
                                    {"interactive", request.process.interactive},
                                    {"terminal", request.process.terminal},
                                    {"columns", process.columns},
                                    {"rows", process.rows},
                                    {"detach", request.detach}}));
  if (request.detach) {
    BOTHY_TRY(const run::Outcome outcome, run::start_outcome(answer));
    if (!outcome.words.empty()) {
      log_line(LogLevel::kError, outcome.words);
    }
    return outcome.code;
  }
  run::Conversation conversation;
  conversation.input = request.process.interactive;
  conversation.terminal = request.process.terminal;
  return talk(socket, conversation);
}

Result<int> attach(const Request& request, const run::Instances& instances) {
  BOTHY_TRY(const run::Instance instance, instances.find(request.subjects.front()));
  BOTHY_TRY(const run::Settings settings, instance.settings());
  BOTHY_TRY(const UniqueFd socket, run::connect(instance));
  BOTHY_TRY(run::ask(socket.get(), {{"verb", "attach"}}));
  run::Conversation conversation;
  conversation.input = !request.no_stdin;
  conversation.terminal = settings.terminal;
  conversation.visits = true;
  conversation.api = instance.api_path();
  return talk(socket, conversation);
}

Result<int> ps(const Request& request, const run::Instances& instances) {
  std::vector<ShownInstance> shown;
  for (const run::Instance& instance : instances.list()) {
    auto each = look_at(instance);
    // One that goes away this moment hides no other.
    if (each && (request.all || each.value().state.status == run::Status::kRunning ||
                 each.value().state.status == run::Status::kPaused ||
                 each.value().state.status == run::Status::kCreated)) {
      shown.push_back(std::move(each).value());
    }
  }
  if (request.json) {
    json::array all;
    for (const ShownInstance& each : shown) {
      all.push_back(instance_json(each));
    }
    write_result(pretty_json(all));
  } else if (request.quiet) {
    for (const ShownInstance& each : shown) {
      write_result(each.settings.id);
    }
  } else {
    write_result(instances_text(shown, std::time(nullptr)));
  }
  return exit_status::kSuccess;
}

Result<int> logs(const Request& request, const run::Instances& instances) {
  BOTHY_TRY(const run::Instance instance, instances.find(request.subjects.front()));
  BOTHY_TRY(show_logs(instance, request.follow, request.timestamps));
  return exit_status::kSuccess;
}

// For each one that was named: what fails for one is said, and the others go on.
Result<int> for_each(const Request& request, const run::Instances& instances,
                     const std::function<Result<void>(const run::Instance&)>& action) {
  int status = exit_status::kSuccess;
  for (const std::string& subject : request.subjects) {
    const auto instance = instances.find(subject);
    const auto done = instance ? action(instance.value()) : Result<void>(instance.error());
    if (done) {
      write_result(subject);
    } else {
      log(LogLevel::kError, "{}: {}", subject, done.error().context);
      status = 1;
    }
  }
  return status;
}

// Whether one whose owner didn't answer was ending that moment: then its state is its last word.
bool has_ended_meanwhile(const run::Instance& instance) {
  constexpr int kStep = 20;  // ms
  constexpr int kMostSteps = 250;
  for (int i = 0; i < kMostSteps && instance.has_owner(); ++i) {
    static_cast<void>(::poll(nullptr, 0, kStep));
  }
  return !instance.has_owner();
}

Result<void> end(const run::Instance& instance, std::int64_t timeout) {
  auto told = tell(instance, {{"verb", "stop"}, {"timeout", timeout}});
  if (!told && !has_ended_meanwhile(instance)) {
    return std::move(told).error();
  }
  return success();
}

Result<void> stop_one(const Request& request, const run::Instance& instance) {
  BOTHY_TRY(const ShownInstance shown, look_at(instance));
  if (shown.state.status == run::Status::kExited || shown.state.status == run::Status::kLost) {
    return success();
  }
  const std::int64_t timeout =
      request.timeout >= 0 ? request.timeout : std::int64_t{shown.settings.stop_timeout};
  return end(instance, timeout);
}

Result<void> remove_one(const Request& request, const run::Instances& instances,
                        const run::Instance& instance) {
  const auto seen = look_at(instance);
  if (!seen && !instance.has_owner()) {
    return instances.remove(instance);  // half-made, or damaged
  }
  BOTHY_TRY(const ShownInstance shown, seen);
  const bool ended =
      shown.state.status == run::Status::kExited || shown.state.status == run::Status::kLost;
  if (!ended && !request.force) {
    return make_error(ErrorCode::kBusy, "it is {}: 'bothy stop' ends it, rm -f does both",
                      to_string(shown.state.status));
  }
  if (!ended) {
    BOTHY_TRY(end(instance, 0));
  }
  return instances.remove(instance);
}

// The exit code of one that has ended, or ends meanwhile.
Result<int> wait_one(const run::Instance& instance) {
  const auto code = tell(instance, {{"verb", "wait"}});
  if (code) {
    return static_cast<int>(code.value().to_number<std::int64_t>());
  }
  if (!has_ended_meanwhile(instance)) {
    return code.error();
  }
  BOTHY_TRY(const run::State state, instance.state());
  if (state.status == run::Status::kLost) {
    return make_error(ErrorCode::kSystem, "its owner died");
  }
  return state.exit_code;
}

class Commands {
 public:
  using Action = std::function<Result<int>(const Request&, const run::Instances&)>;

  Commands(CLI::App& app, int& status) : app_(app), status_(status) {}

  CLI::App* add(const std::string& name, const std::string& says, Action action) {
    CLI::App* command = app_.add_subcommand(name, says);
    auto request = std::make_shared<Request>();
    requests_[command] = request;
    command->callback([this_status = &status_, command, request, action = std::move(action)] {
      if (command->get_prefix_command()) {
        request->subjects = command->remaining();
      }
      const auto instances = run::Instances::locate();
      const auto code =
          instances ? action(*request, instances.value()) : Result<int>(instances.error());
      *this_status = code ? code.value() : exit_status::kOwnFailure;
      if (!code) {
        log_line(LogLevel::kError, code.error().context);
      }
    });
    return command;
  }
  CLI::App* add_each(
      const std::string& name, const std::string& says,
      std::function<Result<void>(const Request&, const run::Instances&, const run::Instance&)>
          action) {
    CLI::App* command =
        add(name, says,
            [action = std::move(action)](const Request& request, const run::Instances& instances) {
              return for_each(request, instances, [&](const run::Instance& instance) {
                return action(request, instances, instance);
              });
            });
    command->add_option("INSTANCE", of(command).subjects, "Names, or starts of ids")->required();
    return command;
  }
  void add_one(CLI::App* command) {
    command->add_option("INSTANCE", of(command).subjects, "Its name, or the start of its id")
        ->required()
        ->expected(1);
  }
  Request& of(CLI::App* command) { return *requests_.at(command); }

 private:
  CLI::App& app_;
  int& status_;
  std::map<CLI::App*, std::shared_ptr<Request>> requests_;
};

void add_exec(Commands& commands) {
  CLI::App* command = commands.add("exec", "Run a command in what runs", &exec);
  Request& request = commands.of(command);
  command->add_flag("-i,--interactive", request.process.interactive, "stdin goes to it");
  command->add_flag("-t,--tty", request.process.terminal, "It has a terminal");
  command->add_flag("-d,--detach", request.detach, "Don't wait for its end");
  command->add_option("-e,--env", request.environment, "A variable")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  command->add_option("-w,--workdir", request.process.directory, "Its working directory");
  command->add_option("-u,--user", request.process.user, "USER[:GROUP]");
  command->prefix_command();
  command->footer("INSTANCE COMMAND [ARGUMENT...] follow the flags.");
}

void add_looking(Commands& commands) {
  CLI::App* command = commands.add("ps", "List what runs", &ps);
  command->add_flag("-a,--all", commands.of(command).all, "And what has ended");
  command->add_flag("-q,--quiet", commands.of(command).quiet, "Ids alone");
  command->add_flag("--json", commands.of(command).json, "Print JSON on stdout");
  command = commands.add("logs", "Show what its first process has printed", &logs);
  commands.add_one(command);
  command->add_flag("-f,--follow", commands.of(command).follow, "And what it still prints");
  command->add_flag("-t,--timestamps", commands.of(command).timestamps, "When, too");
  command = commands.add("attach", "Talk with its first process", &attach);
  commands.add_one(command);
  command->add_flag("--no-stdin", commands.of(command).no_stdin, "Only listen");
  command =
      commands.add("inspect", "Say all about instances, as JSON",
                   [](const Request& request, const run::Instances& instances) -> Result<int> {
                     json::array all;
                     for (const std::string& subject : request.subjects) {
                       BOTHY_TRY(const auto instance, instances.find(subject));
                       BOTHY_TRY(const auto shown, look_at(instance));
                       all.push_back(instance_json(shown));
                     }
                     write_result(pretty_json(all));
                     return exit_status::kSuccess;
                   });
  command->add_option("INSTANCE", commands.of(command).subjects, "Names, or starts of ids")
      ->required();
  command =
      commands.add("stats", "What it uses, as JSON",
                   [](const Request& request, const run::Instances& instances) -> Result<int> {
                     BOTHY_TRY(const auto instance, instances.find(request.subjects.front()));
                     BOTHY_TRY(const auto stats, tell(instance, {{"verb", "stats"}}));
                     write_result(pretty_json(stats));
                     return exit_status::kSuccess;
                   });
  commands.add_one(command);
  command =
      commands.add("wait", "Wait for its end, and print its exit code",
                   [](const Request& request, const run::Instances& instances) -> Result<int> {
                     BOTHY_TRY(const auto instance, instances.find(request.subjects.front()));
                     BOTHY_TRY(const int code, wait_one(instance));
                     write_result(std::to_string(code));
                     return exit_status::kSuccess;
                   });
  commands.add_one(command);
}

void add_changing(Commands& commands) {
  CLI::App* command =
      commands.add_each("stop", "Ask what runs to end, and end it if it doesn't",
                        [](const Request& request, const run::Instances&,
                           const run::Instance& instance) { return stop_one(request, instance); });
  command->add_option("-t,--time", commands.of(command).timeout, "Seconds until SIGKILL");
  command = commands.add_each("kill", "Send its first process a signal",
                              [](const Request& request, const run::Instances&,
                                 const run::Instance& instance) -> Result<void> {
                                BOTHY_TRY(const int signal, run::signal_number(request.signal));
                                BOTHY_TRY(tell(instance, {{"verb", "kill"}, {"signal", signal}}));
                                return success();
                              });
  command->add_option("-s,--signal", commands.of(command).signal, "Which one")
      ->capture_default_str();
  for (const auto& [name, says] :
       {std::pair{"pause", "Stop its processors"}, std::pair{"resume", "Let them go on"}}) {
    commands.add_each(name, says,
                      [verb = std::string(name)](const Request&, const run::Instances&,
                                                 const run::Instance& instance) -> Result<void> {
                        BOTHY_TRY(tell(instance, {{"verb", verb}}));
                        return success();
                      });
  }
  command = commands.add_each("rm", "Remove what has ended", &remove_one);
  command->add_flag("-f,--force", commands.of(command).force, "End it first");
}

}  // namespace

void add_instance_commands(CLI::App& app, int& status) {
  Commands commands(app, status);
  add_exec(commands);
  add_looking(commands);
  add_changing(commands);
}

}  // namespace bothy
