#include "cli/boot/machine_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <utility>

#include "base/unique_fd.h"
#include "base/units.h"
#include "vmm/machine/machine_json.h"

namespace bothy {
namespace {

namespace json = boost::json;

Result<std::string> read_machine_file(const std::string& path) {
  const auto failed = [&] { return errno_error(fmt::format("--config: can't read '{}'", path)); };
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return failed();
  }
  std::string text(kMaxMachineFile + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + length, text.size() - length);
    if (got < 0) {
      return failed();
    }
    if (got == 0) {
      text.resize(length);
      return text;
    }
    length += static_cast<std::size_t>(got);
  }
  return make_error(ErrorCode::kInvalid,
                    "--config: '{}' is larger than a machine file may be: {} bytes", path,
                    kMaxMachineFile);
}

Result<json::object> parse_members(std::string_view text) {
  boost::system::error_code error;
  json::value value = json::parse({text.data(), text.size()}, error);
  if (error) {
    return make_error(ErrorCode::kInvalid, "not valid JSON: {}", error.message());
  }
  if (!value.is_object()) {
    return make_error(ErrorCode::kInvalid, "not a JSON object");
  }
  return std::move(value.get_object());
}

// Removes a member from the object; nothing when it is absent.
std::optional<json::value> take(json::object& members, std::string_view name) {
  const auto member = members.find(name);
  if (member == members.end()) {
    return std::nullopt;
  }
  json::value value = std::move(member->value());
  members.erase(member);
  return value;
}

// Calls `apply` with the text of a member that is there and not empty.
template <class Apply>
Result<void> take_text(json::object& members, std::string_view name, const Apply& apply) {
  if (const auto value = take(members, name)) {
    BOTHY_TRY(const std::string text, json_scalar(name, *value));
    if (!text.empty()) {
      return apply(text);
    }
  }
  return success();
}

Result<void> take_switch(json::object& members, std::string_view name, bool& target) {
  if (const auto value = take(members, name)) {
    if (!value->is_bool()) {
      return make_error(ErrorCode::kInvalid, "'{}': expected true or false", name);
    }
    target = value->get_bool();
  }
  return success();
}

}  // namespace

Result<void> apply_machine_file(const std::string& path, BootOptions& options) {
  BOTHY_TRY(const std::string text, read_machine_file(path));
  auto members = parse_members(text);
  const auto applied = members ? apply_members(std::move(members).value(), options)
                               : Result<void>(std::move(members).error());
  if (!applied) {
    return make_error(applied.error().code, "--config '{}': {}", path, applied.error().context);
  }
  return success();
}

Result<void> apply_members(json::object members, BootOptions& options) {
  BOTHY_TRY(take_text(members, "on-reboot", [&](const std::string& text) -> Result<void> {
    BOTHY_TRY(options.restart_on_reboot, parse_on_reboot(text));
    return success();
  }));
  BOTHY_TRY(take_text(members, "timeout", [&](const std::string& text) -> Result<void> {
    BOTHY_TRY(options.timeout, parse_timeout(text));
    return success();
  }));
  BOTHY_TRY(take_text(members, "control", [&](const std::string& text) -> Result<void> {
    options.control = text;
    return success();
  }));
  BOTHY_TRY(take_text(members, "sandbox", [&](const std::string& text) -> Result<void> {
    BOTHY_TRY(options.sandbox, sandbox::parse_mode(text));
    return success();
  }));
  BOTHY_TRY(take_switch(members, "boot-timer", options.boot_timer));
  BOTHY_TRY(take_switch(members, "json", options.json));
  BOTHY_TRY(take_switch(members, "dry-run", options.dry_run));
  return from_json(members, options.machine);
}

json::object to_json(const BootOptions& options) {
  json::object object = to_json(options.machine);
  object["on-reboot"] = options.restart_on_reboot ? "restart" : "exit";
  if (options.timeout) {
    object["timeout"] = fmt::format("{}ms", options.timeout->count());
  }
  if (!options.control.empty()) {
    object["control"] = options.control;
  }
  if (options.sandbox == sandbox::Mode::kOff) {
    object["sandbox"] = "off";
  }
  return object;
}

Result<bool> parse_on_reboot(std::string_view text) {
  if (text != "exit" && text != "restart") {
    return make_error(ErrorCode::kInvalid,
                      "--on-reboot: invalid value '{}': expected exit or restart", text);
  }
  return text == "restart";
}

Result<std::chrono::milliseconds> parse_timeout(std::string_view text) {
  const auto timeout = parse_duration(text);
  if (!timeout) {
    return make_error(ErrorCode::kInvalid, "--timeout: {}", timeout.error().context);
  }
  return timeout.value();
}

}  // namespace bothy
