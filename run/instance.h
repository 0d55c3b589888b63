// Instance: a container or microVM made from an image, as it is on disk. Its directory holds
//
//   settings   what it was made with, JSON; written once, before anything runs
//   state      its current state, JSON; replaced atomically
//   lock       locked by the owner, the process that runs the instance, as long as that lives
//   api        the unix socket of the owner for requests (client_protocol.h)
//   owner.log  messages of the owner, lines of text
//
// and its data directory, on a disk where the other one is in memory,
//
//   log        output of the first process (log_file.h)
//
// Each may hold files of the kind of isolation. Nothing here knows that kind.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bothy::run {

enum class Status {
  kCreated,  // the owner is starting it
  kRunning,
  kPaused,
  kExited,
  kLost,  // the owner died without writing an end; found, never written
};
[[nodiscard]] std::string_view to_string(Status status) noexcept;

struct Settings {
  std::string id;         // 12 hexadecimal digits
  std::string name;       // unique among instances
  std::string isolation;  // a name of --isolation
  std::string image;      // as the user wrote it
  std::string digest;     // of the image's manifest
  std::vector<std::string> command;
  std::map<std::string, std::string> labels;
  std::vector<std::string> ports;   // of -p
  std::string stop_signal;          // a name, "SIGTERM"
  std::uint32_t stop_timeout = 10;  // seconds until SIGKILL
  std::int64_t created = 0;         // seconds since 1970
  bool remove_at_end = false;
  bool terminal = false;
  bool sandbox = true;  // the owner's own process is confined

  [[nodiscard]] std::string json() const;
  [[nodiscard]] static Result<Settings> parse(std::string_view json);
};

struct State {
  Status status = Status::kCreated;
  pid_t owner = 0;
  std::int64_t started = 0;   // seconds since 1970; 0: not yet
  std::int64_t finished = 0;  // likewise
  int exit_code = 0;          // of an instance that has exited
  std::string error;          // why bothy failed to run it; empty when it didn't

  [[nodiscard]] std::string json() const;
  [[nodiscard]] static Result<State> parse(std::string_view json);
};

// The locks of an owner. A locked directory is left alone by programs that remove old files
// (tmpfiles.d(5)).
struct Claim {
  UniqueFd lock;
  UniqueFd directory;
  UniqueFd data;  // empty where both are the same
};

// The paths of an instance and their content. For any process; only the owner writes.
class Instance {
 public:
  Instance(std::string directory, std::string data)
      : directory_(std::move(directory)), data_(std::move(data)) {}

  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  // For large files: on a disk.
  [[nodiscard]] const std::string& data_directory() const noexcept { return data_; }
  [[nodiscard]] std::string at(std::string_view file) const;
  [[nodiscard]] std::string api_path() const { return at("api"); }
  [[nodiscard]] std::string log_path() const { return data_ + "/log"; }

  [[nodiscard]] Result<Settings> settings() const;
  [[nodiscard]] Result<void> write_settings(const Settings& settings) const;
  // kLost when the owner has died.
  [[nodiscard]] Result<State> state() const;
  [[nodiscard]] Result<void> write_state(const State& state) const;

  // The owner's locks, of existing directories; kBusy when there is an owner already.
  [[nodiscard]] Result<Claim> claim() const;
  [[nodiscard]] bool has_owner() const noexcept;
  // By the data directory alone: the other one may not be visible to this process.
  [[nodiscard]] bool has_data_owner() const noexcept;

 private:
  std::string directory_;
  std::string data_;
};

}  // namespace bothy::run
