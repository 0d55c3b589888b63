#include "cli/boot_control.h"

#include <boost/json/object.hpp>

namespace bothy {
namespace {

boost::json::value describe(const Machine& machine) {
  boost::json::object object;
  object["kernel"] = machine.kernel_description();
  object["cmdline"] = machine.command_line();
  return object;
}

}  // namespace

ControlCommands machine_commands(Machine& machine) {
  ControlCommands commands;
  commands["status"] = {"status: what runs",
                        [&machine](std::span<const std::string>) -> Result<boost::json::value> {
                          return describe(machine);
                        }};
  return commands;
}

}  // namespace bothy
