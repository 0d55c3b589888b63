// ControlCommand: one command of a running machine's control socket.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "base/result.h"

namespace bothy {

struct ControlCommand {
  std::string usage;  // "balloon [SIZE]: what the command does"
  std::function<Result<boost::json::value>(std::span<const std::string> arguments)> run;
};

// By name.
using ControlCommands = std::map<std::string, ControlCommand, std::less<>>;

}  // namespace bothy
