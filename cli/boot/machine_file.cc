#include "cli/boot/machine_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "base/unique_fd.h"
#include "cli/boot/key_values.h"

namespace bothy {
namespace {

using Arguments = std::vector<std::string>;

// A text or a number, as somebody would type it.
Result<std::string> scalar_text(std::string_view name, const boost::json::value& value) {
  if (value.is_string()) {
    return std::string(value.get_string());
  }
  if (value.is_int64() || value.is_uint64()) {
    return boost::json::serialize(value);
  }
  return make_error(ErrorCode::kInvalid, "'{}' must be a text or a whole number", name);
}

// {"path": "a", "ro": true} -> "path=a,ro"
Result<std::string> device_text(std::string_view name, const boost::json::object& device) {
  std::string text;
  for (const auto& [key, value] : device) {
    if (value.is_bool()) {
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", std::string_view(key),
                          value.get_bool() ? "on" : "off");
      continue;
    }
    BOTHY_TRY(const auto scalar,
              scalar_text(fmt::format("{}.{}", name, std::string_view(key)), value));
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", std::string_view(key),
                        escape_value(scalar));
  }
  return text;
}

Result<void> add_flag(Arguments& flags, std::string_view name, const boost::json::value& value) {
  if (value.is_array()) {
    for (const auto& element : value.get_array()) {
      if (element.is_array() || element.is_bool()) {
        return make_error(ErrorCode::kInvalid, "'{}' must be an array of texts, numbers or objects",
                          name);
      }
      BOTHY_TRY(add_flag(flags, name, element));
    }
    return success();
  }
  if (value.is_bool()) {
    if (value.get_bool()) {
      flags.push_back(fmt::format("--{}", name));
    }
    return success();
  }
  std::string text;
  if (value.is_object()) {
    BOTHY_TRY(text, device_text(name, value.get_object()));
  } else {
    BOTHY_TRY(text, scalar_text(name, value));
  }
  if (!text.empty()) {  // an empty one says nothing, and CLI11 would take the next flag for it
    flags.push_back(fmt::format("--{}={}", name, text));
  }
  return success();
}

Result<std::string> read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    return errno_error("--config " + path);
  }
  std::string text(kMachineFileMax + 1, '\0');
  std::size_t length = 0;
  while (length < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + length, text.size() - length);
    if (got < 0) {
      return errno_error("--config " + path);
    }
    if (got == 0) {
      text.resize(length);
      return text;
    }
    length += static_cast<std::size_t>(got);
  }
  return make_error(ErrorCode::kInvalid, "--config {}: larger than {} bytes: no machine file", path,
                    kMachineFileMax);
}

Result<Arguments> flags_of(const std::string& path) {
  BOTHY_TRY(const auto text, read_file(path));
  auto flags = machine_file_flags(text);
  if (!flags) {
    return make_error(ErrorCode::kInvalid, "--config {}: {}", path, flags.error().context);
  }
  return flags;
}

}  // namespace

Result<Arguments> machine_file_flags(std::string_view json) {
  boost::system::error_code error;
  const auto value = boost::json::parse({json.data(), json.size()}, error);
  if (error) {
    return make_error(ErrorCode::kInvalid, "no JSON: {}", error.message());
  }
  if (!value.is_object()) {
    return make_error(ErrorCode::kInvalid, "not one JSON object");
  }
  Arguments flags;
  for (const auto& [key, member] : value.get_object()) {
    const std::string_view name(key);
    // What isn't a name could smuggle in a flag of its own, and a file names no other file.
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") != std::string_view::npos ||
        name.empty() || name == "config") {
      return make_error(ErrorCode::kInvalid, "'{}' is no member of a machine file", name);
    }
    BOTHY_TRY(add_flag(flags, name, member));
  }
  return flags;
}

Result<Arguments> expand_machine_files(Arguments arguments) {
  constexpr std::string_view kFlag = "--config";
  Arguments own;
  Arguments from_files;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    std::string path;
    if (word == kFlag) {
      if (++i == arguments.size()) {
        return make_error(ErrorCode::kInvalid, "--config needs a file");
      }
      path = arguments[i];
    } else if (word.starts_with("--config=")) {
      path = word.substr(kFlag.size() + 1);
    } else {
      own.push_back(std::move(arguments[i]));
      continue;
    }
    BOTHY_TRY(auto flags, flags_of(path));
    std::ranges::move(flags, std::back_inserter(from_files));
  }
  if (!own.empty()) {
    own.insert(own.begin() + 1, std::make_move_iterator(from_files.begin()),
               std::make_move_iterator(from_files.end()));
  }
  return own;
}

}  // namespace bothy
