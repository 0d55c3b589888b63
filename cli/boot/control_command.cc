#include "cli/boot/control_command.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "base/log.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/json_text.h"
#include "vmm/control/control_server.h"

namespace bothy {
namespace {

struct Request {
  std::string socket;
  std::string command = "help";
  std::vector<std::string> arguments;
};

int send(const Request& request) {
  const auto answer = send_control_command(request.socket, request.command, request.arguments);
  if (!answer) {
    log_line(LogLevel::kError, answer.error().context);
    return exit_status::from_error(answer.error().code);
  }
  write_result(pretty_json(answer.value()));
  return exit_status::kSuccess;
}

}  // namespace

void add_control_command(CLI::App& app, int& status) {
  CLI::App* control =
      app.add_subcommand("control", "Send a command to a running machine by its control socket");
  auto request = std::make_shared<Request>();
  control->add_option("SOCKET", request->socket, "Socket that `bothy boot --control` made")
      ->type_name("")
      ->required();
  control->add_option("COMMAND", request->command, "Command of the machine; help lists all")
      ->type_name("")
      ->capture_default_str();
  control->add_option("ARGUMENT", request->arguments, "Arguments of the command")->type_name("");
  set_examples(*control,
               {"bothy boot --kernel vmlinux --disk root.img,id=root --control /tmp/vm.sock &",
                "bothy control /tmp/vm.sock resize-disk root"});
  control->callback([request, &status] { status = send(*request); });
}

}  // namespace bothy
