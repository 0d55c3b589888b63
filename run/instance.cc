#include "run/instance.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>

#include "base/files.h"
#include "base/json_fields.h"

namespace bothy::run {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMaxFileSize = 64U << 20U;  // an image's labels alone may be megabytes
constexpr std::array<std::string_view, 5> kStatuses{"created", "running", "paused", "exited",
                                                    "lost"};

json::array array_of(const std::vector<std::string>& texts) {
  json::array array;
  for (const std::string& text : texts) {
    array.emplace_back(text);
  }
  return array;
}

std::int64_t whole(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  boost::system::error_code error;
  return value == nullptr ? 0 : value->to_number<std::int64_t>(error);
}

// Empty where the file system can't lock directories, as NFS.
UniqueFd hold(const std::string& directory) noexcept {
  UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 ? std::move(fd) : UniqueFd();
}

// The last line of a log, which says why the owner died if the owner could; empty where there is
// none.
std::string last_message(const std::string& path) {
  constexpr off_t kEnd = 1024;  // bytes
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, kEnd> end{};
  const off_t size = fd ? ::lseek(fd.get(), 0, SEEK_END) : 0;
  const ssize_t got =
      size > 0 ? ::pread(fd.get(), end.data(), end.size(), std::max(size - kEnd, off_t{0})) : 0;
  std::string_view text(end.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  while (text.ends_with('\n')) {
    text.remove_suffix(1);
  }
  const std::size_t newline = text.rfind('\n');
  return printable(newline == text.npos ? text : text.substr(newline + 1));
}

// By a shared lock: readers don't exclude each other.
bool is_locked(const std::string& path, int flags) noexcept {
  const UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

std::string_view to_string(Status status) noexcept {
  return kStatuses.at(static_cast<std::size_t>(status));
}

std::string Settings::json() const {
  json::object all_labels;
  for (const auto& [key, value] : labels) {
    all_labels[key] = value;
  }
  return json::serialize(json::object{{"id", id},
                                      {"name", name},
                                      {"isolation", isolation},
                                      {"image", image},
                                      {"digest", digest},
                                      {"command", array_of(command)},
                                      {"labels", std::move(all_labels)},
                                      {"ports", array_of(ports)},
                                      {"stop-signal", stop_signal},
                                      {"stop-timeout", stop_timeout},
                                      {"created", created},
                                      {"remove-at-end", remove_at_end},
                                      {"terminal", terminal},
                                      {"sandbox", sandbox}});
}

Result<Settings> Settings::parse(std::string_view text) {
  BOTHY_TRY(const json::object object, parse_own_object(text, "settings"));
  const JsonFields fields(object, "settings");
  Settings settings;
  BOTHY_TRY(settings.id, fields.text("id"));
  BOTHY_TRY(settings.name, fields.text("name"));
  BOTHY_TRY(settings.isolation, fields.text("isolation"));
  BOTHY_TRY(settings.image, fields.text("image"));
  BOTHY_TRY(settings.digest, fields.text("digest"));
  BOTHY_TRY(settings.command, fields.texts("command"));
  BOTHY_TRY(settings.labels, fields.text_map("labels"));
  BOTHY_TRY(settings.ports, fields.texts("ports"));
  BOTHY_TRY(settings.stop_signal, fields.text("stop-signal"));
  settings.stop_timeout = static_cast<std::uint32_t>(whole(object, "stop-timeout"));
  settings.created = whole(object, "created");
  settings.remove_at_end = fields.flag("remove-at-end");
  settings.terminal = fields.flag("terminal");
  settings.sandbox = fields.flag("sandbox");
  return settings;
}

std::string State::json() const {
  return json::serialize(json::object{{"status", std::string(to_string(status))},
                                      {"owner", owner},
                                      {"started", started},
                                      {"finished", finished},
                                      {"exit-code", exit_code},
                                      {"error", error}});
}

Result<State> State::parse(std::string_view text) {
  BOTHY_TRY(const json::object object, parse_own_object(text, "state"));
  const JsonFields fields(object, "state");
  State state;
  BOTHY_TRY(const std::string status, fields.text("status"));
  for (std::size_t i = 0; i < kStatuses.size(); ++i) {
    if (status == kStatuses.at(i)) {
      state.status = static_cast<Status>(i);
    }
  }
  state.owner = static_cast<pid_t>(whole(object, "owner"));
  state.started = whole(object, "started");
  state.finished = whole(object, "finished");
  state.exit_code = static_cast<int>(whole(object, "exit-code"));
  BOTHY_TRY(state.error, fields.text("error"));
  return state;
}

std::string Instance::at(std::string_view file) const {
  return directory_ + "/" + std::string(file);
}

Result<Settings> Instance::settings() const {
  BOTHY_TRY(const std::string text, read_file(at("settings"), kMaxFileSize));
  return Settings::parse(text);
}

Result<State> Instance::state() const {
  // Before reading: an owner that ends in between has written its last state by then.
  const bool owned = has_owner();
  BOTHY_TRY(const std::string text, read_file(at("state"), kMaxFileSize));
  BOTHY_TRY(State state, State::parse(text));
  if (!owned && state.status != Status::kExited) {
    state.status = Status::kLost;
    state.error = last_message(at("owner.log"));
  }
  return state;
}

Result<void> Instance::write_settings(const Settings& settings) const {
  return replace_file(at("settings"), settings.json(), 0600);
}

Result<void> Instance::write_state(const State& state) const {
  return replace_file(at("state"), state.json(), 0600);
}

Result<Claim> Instance::claim() const {
  Claim claim;
  BOTHY_TRY(claim.lock, open_file(at("lock"), O_RDWR | O_CREAT, 0600));
  if (::flock(claim.lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return errno_error("can't lock '" + at("lock") + "'");
  }
  claim.directory = hold(directory_);
  if (data_ != directory_) {
    claim.data = hold(data_);
  }
  return claim;
}

bool Instance::has_owner() const noexcept {
  return is_locked(at("lock"), O_RDWR);
}

bool Instance::has_data_owner() const noexcept {
  return is_locked(data_, O_RDONLY | O_DIRECTORY);
}

}  // namespace bothy::run
