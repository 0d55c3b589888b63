// Instance: one thing that runs from an image, or ran, as it is on disk. Its directory holds
//
//   settings   what it was made with, JSON; written once, before anything runs
//   state      how it is now, JSON; replaced whole
//   lock       held by its owner, the process that runs it, as long as that lives
//   api        the unix socket by which its owner is asked for things (client_protocol.h)
//   owner.log  what its owner had to say, lines of text
//
// and its directory for what may be large, which is another where the first is in memory,
//
//   log        what its first process printed (log_file.h)
//
// and either whatever its kind of isolation needs. Nothing in here knows what kind that is.
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
  kCreated,  // its owner hasn't got it running yet
  kRunning,
  kPaused,
  kExited,
  kLost,  // its owner died without a word; never written, but found
};
[[nodiscard]] std::string_view to_string(Status status) noexcept;

struct Settings {
  std::string id;         // 12 hexadecimal digits
  std::string name;       // unique among instances
  std::string isolation;  // "vm"
  std::string image;      // as people write it
  std::string digest;     // of its manifest
  std::vector<std::string> command;
  std::map<std::string, std::string> labels;
  std::vector<std::string> ports;   // as -p has them
  std::string stop_signal;          // a name, "SIGTERM"
  std::uint32_t stop_timeout = 10;  // seconds until SIGKILL
  std::int64_t created = 0;         // seconds since 1970
  bool remove_at_end = false;
  bool terminal = false;

  [[nodiscard]] std::string json() const;
  [[nodiscard]] static Result<Settings> parse(std::string_view json);
};

struct State {
  Status status = Status::kCreated;
  pid_t owner = 0;
  std::int64_t started = 0;   // seconds since 1970; 0: not yet
  std::int64_t finished = 0;  // likewise
  int exit_code = 0;          // of an instance that has exited
  std::string error;          // why it failed; empty when it didn't

  [[nodiscard]] std::string json() const;
  [[nodiscard]] static Result<State> parse(std::string_view json);
};

// What an owner holds. The directories, where they can be locked: who ages files leaves those that
// are alone (tmpfiles.d(5)), and so do we.
struct Claim {
  UniqueFd lock;
  UniqueFd directory;
  UniqueFd data;  // nothing where it is the same one
};

// Its paths, and what is read from them. Any process; only the owner writes.
class Instance {
 public:
  Instance(std::string directory, std::string data)
      : directory_(std::move(directory)), data_(std::move(data)) {}

  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  // Of what may be large: on a disk.
  [[nodiscard]] const std::string& data_directory() const noexcept { return data_; }
  [[nodiscard]] std::string at(std::string_view file) const;
  [[nodiscard]] std::string api_path() const { return at("api"); }
  [[nodiscard]] std::string log_path() const { return data_ + "/log"; }

  [[nodiscard]] Result<Settings> settings() const;
  [[nodiscard]] Result<void> write_settings(const Settings& settings) const;
  // With kLost for one whose owner has died.
  [[nodiscard]] Result<State> state() const;
  [[nodiscard]] Result<void> write_state(const State& state) const;

  // The owner's, of directories that are there; kBusy when it has one.
  [[nodiscard]] Result<Claim> claim() const;
  [[nodiscard]] bool has_owner() const noexcept;
  // Of its data directory, whether or not the other one can be seen from here.
  [[nodiscard]] bool has_data_owner() const noexcept;

 private:
  std::string directory_;
  std::string data_;
};

}  // namespace bothy::run
