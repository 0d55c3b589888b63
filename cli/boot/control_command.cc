#include "cli/boot/control_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/log.h"
#include "cli/exit_status.h"
#include "cli/json_text.h"
#include "vmm/control/control_server.h"

namespace bothy {
namespace {

struct Request {
  std::string socket;
  std::string command = "help";
  std::vector<std::string> arguments;
};

int ask(const Request& request) {
  const auto answer = ask_control(request.socket, request.command, request.arguments);
  if (!answer) {
    log_line(LogLevel::kError, answer.error().context);
    return exit_status::from_error(answer.error().code);
  }
  write_result(pretty_json(answer.value()));
  return exit_status::kSuccess;
}

}  // namespace

void add_control_command(CLI::App& app, int& status) {
  CLI::App* control = app.add_subcommand(
      "control", "Ask a running machine, or tell it something, by its control socket");
  auto request = std::make_shared<Request>();
  control->add_option("SOCKET", request->socket, "What `bothy boot --control` was given")
      ->required();
  control->add_option("COMMAND", request->command, "What to do; help lists what there is")
      ->capture_default_str();
  control->add_option("ARGUMENT", request->arguments, "What the command wants to know");
  control->callback([request, &status] { status = ask(*request); });
}

}  // namespace bothy
