#include "cli/boot/control.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "cli/boot/devices/balloon.h"
#include "cli/boot/devices/net.h"
#include "cli/units.h"
#include "devices/virtio/net/net.h"

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

boost::json::object describe(const virtio::NetStatistics::Direction& direction) {
  return {
      {"packets", direction.packets}, {"bytes", direction.bytes}, {"dropped", direction.dropped}};
}

boost::json::value describe_nets(const Machine& machine) {
  boost::json::array nets;
  for (const virtio::Net* net : machine.nets()) {
    const virtio::NetStatistics statistics = net->statistics();
    nets.push_back(boost::json::object{{"backend", net->describe_backend()},
                                       {"mac", format_mac(net->mac())},
                                       {"link", net->link_up() ? "up" : "down"},
                                       {"received", describe(statistics.received)},
                                       {"sent", describe(statistics.sent)}});
  }
  return nets;
}

Result<boost::json::value> balloon(Machine& machine, std::span<const std::string> arguments) {
  virtio::Balloon* balloon = machine.balloon();
  if (balloon == nullptr) {
    return make_error(ErrorCode::kNotFound, "this machine has no balloon: --balloon gives it one");
  }
  if (arguments.size() > 1) {
    return make_error(ErrorCode::kInvalid, "balloon wants a size, or nothing");
  }
  if (arguments.size() == 1) {
    BOTHY_TRY(const std::uint64_t size, parse_size(arguments.front()));
    BOTHY_TRY(balloon->set_size(size));
  }
  return bothy::describe(balloon->status());
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
  commands["net"] = {"net: the network devices, and what they have moved",
                     [&machine](std::span<const std::string>) -> Result<boost::json::value> {
                       return describe_nets(machine);
                     }};
  commands["balloon"] = {
      "balloon [SIZE]: what the balloon has taken, after telling it to take SIZE",
      [&machine](std::span<const std::string> arguments) { return balloon(machine, arguments); }};
  return commands;
}

}  // namespace bothy
