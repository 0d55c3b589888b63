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

Result<boost::json::value> resize_disk(Machine& machine, std::span<const std::string> arguments) {
  if (arguments.size() != 1) {
    return make_error(ErrorCode::kInvalid, "resize-disk wants one disk's id");
  }
  BOTHY_TRY(const std::uint64_t bytes, machine.resize_disk(arguments.front()));
  return boost::json::object{{"id", arguments.front()}, {"bytes", bytes}};
}

}  // namespace

ControlCommands machine_commands(Machine& machine) {
  ControlCommands commands;
  commands["status"] = {"status: what runs",
                        [&machine](std::span<const std::string>) -> Result<boost::json::value> {
                          return describe(machine);
                        }};
  commands["resize-disk"] = {"resize-disk ID: look again how large its file is, and tell the guest",
                             [&machine](std::span<const std::string> arguments) {
                               return resize_disk(machine, arguments);
                             }};
  return commands;
}

}  // namespace bothy
