#include "cli/instances/commands.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/log.h"
#include "cli/exit_status.h"
#include "cli/flags.h"
#include "cli/help.h"
#include "cli/instances/actions.h"
#include "run/client.h"

namespace bothy {
namespace {

constexpr const char* kNamesHelp = "Name of an instance, or the start of its id";

class Commands {
 public:
  using Action = std::function<Result<int>(const InstanceFlags&, const run::Instances&)>;

  Commands(CLI::App& app, int& status) : app_(app), status_(status) {}

  // A command whose operands are left to its action.
  CLI::App& add(const std::string& name, const std::string& help, Action action) {
    CLI::App* command = app_.add_subcommand(name, help);
    auto flags = std::make_shared<InstanceFlags>();
    flags_[command] = flags;
    command->callback([status = &status_, command, flags, action = std::move(action)] {
      if (command->get_prefix_command()) {
        flags->operands = command->remaining();
      }
      const auto instances = run::Instances::locate();
      const auto code =
          instances ? action(*flags, instances.value()) : Result<int>(instances.error());
      *status = code ? code.value() : exit_status::kOwnFailure;
      if (!code) {
        log_line(LogLevel::kError, code.error().context);
      }
    });
    return *command;
  }
  CLI::App& add_for_one(const std::string& name, const std::string& help, Action action) {
    CLI::App& command = add(name, help, std::move(action));
    command.add_option("INSTANCE", of(command).operands, kNamesHelp)->required()->expected(1);
    return command;
  }
  CLI::App& add_for_some(const std::string& name, const std::string& help, Action action) {
    CLI::App& command = add(name, help, std::move(action));
    command.add_option("INSTANCE", of(command).operands, kNamesHelp)->required();
    return command;
  }
  CLI::App& add_for_each(const std::string& name, const std::string& help, InstanceAction action) {
    return add_for_some(
        name, help,
        [action = std::move(action)](const InstanceFlags& flags, const run::Instances& instances) {
          return for_each_instance(flags, instances, action);
        });
  }
  InstanceFlags& of(CLI::App& command) { return *flags_.at(&command); }

 private:
  CLI::App& app_;
  int& status_;
  std::map<CLI::App*, std::shared_ptr<InstanceFlags>> flags_;
};

void add_exec(Commands& commands) {
  CLI::App& command = commands.add("exec", "Run a command in a running instance", &exec);
  InstanceFlags& flags = commands.of(command);
  command.add_flag("-i,--interactive", flags.process.interactive, "Connect stdin to the command");
  command.add_flag("-t,--tty", flags.process.terminal, "Give the command a terminal");
  command.add_flag("-d,--detach", flags.detach, "Run the command in the background");
  add_values(command, "-e,--env", flags.environment, "NAME[=VALUE]",
             "Set an environment variable; NAME alone takes its value from here");
  add_value(command, "-w,--workdir", flags.process.directory, "DIR",
            "Working directory of the command");
  add_value(command, "-u,--user", flags.process.user, "USER[:GROUP]",
            "User and group of the command, names or numbers");
  command.prefix_command();
  set_operands(command, "INSTANCE COMMAND [ARG...]");
  set_examples(command, {"bothy exec -it web sh", "bothy exec -u nobody web id"});
}

void add_attach(Commands& commands) {
  CLI::App& command = commands.add_for_one(
      "attach", "Connect this terminal to an instance's first process", &attach);
  command.add_flag("--no-stdin", commands.of(command).no_stdin, "Leave stdin unconnected");
  set_examples(command, {"bothy attach web"},
               "Ctrl-P Ctrl-Q leaves a terminal and keeps the instance running.");
}

void add_reports(Commands& commands) {
  CLI::App& ps = commands.add("ps", "List running instances", &list);
  ps.add_flag("-a,--all", commands.of(ps).all, "List instances that have ended too");
  ps.add_flag("-q,--quiet", commands.of(ps).quiet, "Print ids only");
  ps.add_flag("--json", commands.of(ps).json, "Print JSON");
  set_examples(ps, {"bothy ps -a", "bothy rm $(bothy ps -aq)"});

  CLI::App& log =
      commands.add_for_one("logs", "Print the output of an instance's first process", &logs);
  log.add_flag("-f,--follow", commands.of(log).follow, "Print further output until the end");
  log.add_flag("-t,--timestamps", commands.of(log).timestamps, "Print the time of each line");
  set_examples(log, {"bothy logs -f web"});

  CLI::App& show = commands.add_for_some(
      "inspect", "Print the settings and state of instances as JSON", &inspect);
  set_examples(show, {"bothy inspect web"});
  CLI::App& stats = commands.add_for_one(
      "stats", "Print the resources that an instance uses, as JSON", &statistics);
  set_examples(stats, {"bothy stats web"});
}

void add_life(Commands& commands) {
  CLI::App& stop = commands.add_for_each(
      "stop", "Stop instances: their stop signal, then SIGKILL after the timeout", &stop_instance);
  stop.add_option("-t,--time", commands.of(stop).timeout,
                  "Timeout in seconds (default: --stop-timeout of the instance)")
      ->type_name("SECONDS");
  set_examples(stop, {"bothy stop -t 30 web"});

  CLI::App& kill = commands.add_for_each("kill", "Send a signal to the first process of instances",
                                         &kill_instance);
  add_value(kill, "-s,--signal", commands.of(kill).signal, "SIGNAL", "Name or number of the signal")
      ->capture_default_str();
  set_examples(kill, {"bothy kill -s HUP web"});

  CLI::App& wait_command = commands.add_for_one(
      "wait", "Wait until an instance has ended, and print its exit code", &wait);
  set_examples(wait_command, {"bothy wait web"});

  CLI::App& pause =
      commands.add_for_each("pause", "Pause the processes of instances",
                            [](const InstanceFlags&, const run::Instances&,
                               const run::Instance& instance) { return run::ask_pause(instance); });
  set_examples(pause, {"bothy pause web"});
  CLI::App& resume = commands.add_for_each(
      "resume", "Resume the processes of paused instances",
      [](const InstanceFlags&, const run::Instances&, const run::Instance& instance) {
        return run::ask_resume(instance);
      });
  set_examples(resume, {"bothy resume web"});

  CLI::App& rm = commands.add_for_each("rm", "Remove instances that have ended", &remove_instance);
  rm.add_flag("-f,--force", commands.of(rm).force, "Kill running instances first");
  set_examples(rm, {"bothy rm web", "bothy rm -f web db"});
}

}  // namespace

void add_instance_commands(CLI::App& app, int& status) {
  Commands commands(app, status);
  add_exec(commands);
  add_attach(commands);
  add_reports(commands);
  add_life(commands);
}

}  // namespace bothy
