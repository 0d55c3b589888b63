#include "run/copy_plan.h"

#include "base/files.h"

namespace bothy::run {
namespace {

std::string_view without_slashes(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) {
    path.remove_suffix(1);
  }
  return path;
}

// The last part; empty for "/".
std::string_view name_of(std::string_view path) {
  path = without_slashes(path);
  return path.substr(path.rfind('/') + 1);
}

std::string directory_of(std::string_view path) {
  path = without_slashes(path);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) {
    return ".";
  }
  return std::string(without_slashes(path.substr(0, slash + 1)));
}

bool has_no_name(std::string_view name) {
  return name.empty() || name == "." || name == "..";
}

}  // namespace

Result<CopyEnd> parse_copy_end(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (text.empty()) {
    return make_error(ErrorCode::kInvalid, "empty path: expected PATH, INSTANCE:PATH or -");
  }
  if (colon == std::string_view::npos || text.starts_with('/') || text.starts_with('.')) {
    return CopyEnd{{}, std::string(text)};
  }
  CopyEnd end{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
  if (end.instance.empty() || end.path.empty()) {
    return make_error(ErrorCode::kInvalid, "invalid path '{}': expected INSTANCE:PATH",
                      printable(text));
  }
  // As Docker has it, whatever the image's working directory.
  if (!end.path.starts_with('/')) {
    end.path.insert(0, "/");
  }
  return end;
}

Result<CopyTarget> plan_copy(std::string_view source, bool source_is_directory,
                             std::string_view destination, Found found) {
  const std::string_view name = name_of(destination);
  switch (found) {
    case Found::kDirectory:
      // "DIR/." is its content, and so is what has no name to go by.
      return CopyTarget{std::string(destination),
                        has_no_name(name_of(source)) ? "" : std::string(name_of(source))};
    case Found::kOther:
      if (source_is_directory) {
        return make_error(ErrorCode::kInvalid,
                          "can't copy the directory '{}' to '{}': Not a directory",
                          printable(source), printable(destination));
      }
      break;
    case Found::kNothing:
      if (has_no_name(name) || (!source_is_directory && destination.ends_with('/'))) {
        return make_error(ErrorCode::kNotFound, "the directory '{}' doesn't exist",
                          printable(destination));
      }
      break;
  }
  return CopyTarget{directory_of(destination), std::string(name)};
}

}  // namespace bothy::run
