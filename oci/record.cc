#include "oci/record.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdlib>
#include <span>
#include <utility>

#include "base/files.h"
#include "base/json_fields.h"
#include "container/cgroup.h"

namespace bothy::oci {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 5> kStatuses{"creating", "created", "running", "paused",
                                                    "stopped"};
constexpr std::size_t kMaxId = 1024;
constexpr std::uint64_t kMaxRecord = 4U << 20U;
constexpr std::size_t kStartField = 22;  // of /proc/PID/stat (proc(5))

bool is_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '.';
  };
  return !id.empty() && id.size() <= kMaxId && id != "." && id != ".." &&
         std::ranges::all_of(id, allowed);
}

json::array hooks_json(const std::vector<container::Hook>& hooks) {
  json::array array;
  for (const container::Hook& hook : hooks) {
    array.push_back(
        json::object{{"path", hook.path},
                     {"args", json::array(hook.arguments.begin(), hook.arguments.end())},
                     {"env", json::array(hook.environment.begin(), hook.environment.end())},
                     {"timeout", hook.timeout}});
  }
  return array;
}

Result<std::vector<container::Hook>> parse_hooks(const JsonFields& fields, std::string_view key) {
  std::vector<container::Hook> hooks;
  BOTHY_TRY(const json::array* array, fields.array(key));
  for (const json::value& value : array == nullptr ? json::array() : *array) {
    BOTHY_TRY(const JsonFields each, JsonFields::of(value, "a hook"));
    container::Hook hook;
    BOTHY_TRY(hook.path, each.text("path"));
    BOTHY_TRY(hook.arguments, each.texts("args"));
    BOTHY_TRY(hook.environment, each.texts("env"));
    BOTHY_TRY(const std::uint64_t timeout, each.number("timeout"));
    hook.timeout = static_cast<std::uint32_t>(timeout);
    hooks.push_back(std::move(hook));
  }
  return hooks;
}

json::object record_json(const Record& record) {
  json::object annotations;
  for (const auto& [key, value] : record.annotations) {
    annotations[key] = value;
  }
  return {{"ociVersion", record.version},
          {"id", record.id},
          {"pid", record.pid},
          {"pidStart", record.pid_start},
          {"bundle", record.bundle},
          {"rootfs", record.root},
          {"created", record.created},
          {"owner", record.owner},
          {"annotations", std::move(annotations)},
          {"cgroups", json::array(record.cgroups.begin(), record.cgroups.end())},
          {"unit", record.unit},
          {"startContainer", hooks_json(record.start_container)},
          {"poststart", hooks_json(record.poststart)},
          {"poststop", hooks_json(record.poststop)},
          {"vm", record.vm},
          {"listenerPath", record.listener.path},
          {"listenerMetadata", record.listener.metadata}};
}

Result<Record> parse_record(std::string_view text) {
  BOTHY_TRY(const json::object object, parse_own_object(text, "state.json"));
  const JsonFields fields(object, "state.json");
  Record record;
  BOTHY_TRY(record.version, fields.text("ociVersion"));
  BOTHY_TRY(record.id, fields.text("id"));
  BOTHY_TRY(const std::uint64_t pid, fields.number("pid"));
  record.pid = static_cast<pid_t>(pid);
  BOTHY_TRY(record.pid_start, fields.number("pidStart"));
  BOTHY_TRY(record.bundle, fields.text("bundle"));
  BOTHY_TRY(record.root, fields.text("rootfs"));
  BOTHY_TRY(record.created, fields.text("created"));
  BOTHY_TRY(record.owner, fields.text("owner"));
  BOTHY_TRY(record.annotations, fields.text_map("annotations"));
  BOTHY_TRY(record.cgroups, fields.texts("cgroups"));
  BOTHY_TRY(record.unit, fields.text("unit"));
  BOTHY_TRY(record.start_container, parse_hooks(fields, "startContainer"));
  BOTHY_TRY(record.poststart, parse_hooks(fields, "poststart"));
  BOTHY_TRY(record.poststop, parse_hooks(fields, "poststop"));
  record.vm = fields.flag("vm");
  BOTHY_TRY(record.listener.path, fields.text("listenerPath"));
  BOTHY_TRY(record.listener.metadata, fields.text("listenerMetadata"));
  return record;
}

bool is_frozen(const Record& record) {
  const auto cgroup = container::Cgroup::open(record.cgroups);
  const auto frozen = cgroup ? cgroup.value().is_frozen() : Result<bool>(false);
  return frozen && frozen.value();
}

}  // namespace

std::string_view to_string(Status status) noexcept {
  return kStatuses.at(static_cast<std::size_t>(status));
}

Result<Records> Records::locate(const std::string& root) {
  if (!root.empty()) {
    return Records(root);
  }
  if (::geteuid() == 0) {
    return Records("/run/bothy/oci");
  }
  const char* directory = std::getenv("XDG_RUNTIME_DIR");
  if (directory == nullptr || *directory != '/') {
    return make_error(ErrorCode::kInvalid,
                      "no directory for the state of containers: set XDG_RUNTIME_DIR, or name one "
                      "with --root");
  }
  return Records(std::string(directory) + "/bothy/oci");
}

std::string Records::directory(std::string_view id) const {
  return root_ + "/" + std::string(id);
}

std::string Records::start_socket(std::string_view id) const {
  return directory(id) + "/start.sock";
}

std::string Records::pause_mark(std::string_view id) const {
  return directory(id) + "/paused";
}

std::string Records::notify_directory(std::string_view id) const {
  return directory(id) + "/notify";
}

Result<void> Records::reserve(std::string_view id) const {
  if (!is_id(id)) {
    return make_error(ErrorCode::kInvalid,
                      "invalid container id '{}': expected letters, digits, '_', '+', '-' and '.'",
                      printable(id));
  }
  const std::string path = directory(id);
  if (::mkdir(path.c_str(), 0711) == 0) {
    return success();
  }
  if (errno == ENOENT) {
    BOTHY_TRY(make_directories(root_));
    if (::mkdir(path.c_str(), 0711) == 0) {
      return success();
    }
  }
  if (errno == EEXIST) {
    return make_error(ErrorCode::kBusy, "container '{}' exists already", id);
  }
  return errno_error(fmt::format("can't make '{}'", path));
}

Result<void> Records::save(const Record& record) const {
  const std::string path = directory(record.id) + "/state.json";
  return replace_file(path, json::serialize(record_json(record)), 0600);
}

Result<Record> Records::load(std::string_view id) const {
  if (!is_id(id) || !exists(directory(id))) {
    return make_error(ErrorCode::kNotFound, "container '{}' does not exist", printable(id));
  }
  BOTHY_TRY(const std::string text, read_file(directory(id) + "/state.json", kMaxRecord));
  return parse_record(text);
}

Result<void> Records::save_config(std::string_view id, std::string_view text) const {
  const std::string path = directory(id) + "/config.json";
  BOTHY_TRY(const UniqueFd file, open_file(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
  return write_all(file.get(), std::as_bytes(std::span(text)), path);
}

Result<container::OciSpec> Records::load_config(std::string_view id) const {
  BOTHY_TRY(const std::string text,
            read_file(directory(id) + "/config.json", container::kMaxSpecSize));
  return container::parse_spec(text);
}

Result<void> Records::remove(std::string_view id) const {
  const std::string path = directory(id);
  for (const char* file : {"/state.json", "/config.json"}) {
    ::unlink((path + file).c_str());
  }
  // What else there may be: a start socket, and what a killed `create` has left.
  return ::rmdir(path.c_str()) == 0 ? Result<void>(success()) : remove_tree(path);
}

Result<void> Records::remove_leftover(std::string_view id) const {
  return is_id(id) ? remove(id) : Result<void>(success());
}

Result<Status> Records::status(const Record& record) const {
  if (record.pid == 0) {
    return Status::kCreating;
  }
  if (!open_process(record)) {
    return Status::kStopped;
  }
  if (exists(start_socket(record.id))) {
    return Status::kCreated;
  }
  const bool paused = record.vm ? exists(pause_mark(record.id)) : is_frozen(record);
  return paused ? Status::kPaused : Status::kRunning;
}

Result<std::vector<std::string>> Records::ids() const {
  auto names = list_directory(root_);
  if (!names && names.error().code == ErrorCode::kNotFound) {
    return std::vector<std::string>();
  }
  return names;
}

json::object state_object(const Record& record, Status status) {
  json::object state{{"ociVersion", record.version},
                     {"id", record.id},
                     {"pid", status == Status::kStopped ? 0 : record.pid},
                     {"status", to_string(status)},
                     {"bundle", record.bundle},
                     {"rootfs", record.root},
                     {"created", record.created},
                     {"owner", record.owner}};
  json::object annotations;
  for (const auto& [key, value] : record.annotations) {
    annotations[key] = value;
  }
  state["annotations"] = std::move(annotations);
  return state;
}

std::string state_json(const Record& record, Status status) {
  return json::serialize(state_object(record, status));
}

Result<std::uint64_t> process_start(pid_t pid) {
  BOTHY_TRY(const UniqueFd file, open_file(fmt::format("/proc/{}/stat", pid), O_RDONLY));
  std::array<char, 1024> text{};
  const ssize_t count = ::read(file.get(), text.data(), text.size());
  std::string_view rest(text.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  // The name, in parentheses, may hold any characters.
  rest.remove_prefix(std::min(rest.rfind(')') + 2, rest.size()));
  const bool ended = rest.starts_with('Z') || rest.starts_with('X');
  for (std::size_t field = 3; field < kStartField && !rest.empty(); ++field) {
    rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));
  }
  std::uint64_t start = 0;
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), start);
  if (ended || parsed.ec != std::errc()) {
    return make_error(ErrorCode::kNotFound, "process {} has ended", pid);
  }
  return start;
}

// The descriptor first, then the comparison: what it refers to doesn't change.
Result<UniqueFd> open_process(const Record& record) {
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, record.pid, 0)));
  const auto start = process_start(record.pid);
  if (!pidfd || !start || start.value() != record.pid_start) {
    return make_error(ErrorCode::kNotFound, "container '{}' is not running", record.id);
  }
  return pidfd;
}

}  // namespace bothy::oci
