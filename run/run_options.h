// RunOptions: the flags of `bothy run`, parsed, whatever the isolation.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bothy::run {

struct Volume {
  std::string source;  // an absolute path of the host
  std::string target;  // an absolute path of the root
  bool read_only = false;
  bool file = false;  // the source is a file, not a directory
};

struct TmpfsMount {
  std::string target;
  std::string options;  // as mount(8) has them, "size=64m"; empty: none
};

struct Rlimit {
  std::uint32_t resource = 0;  // RLIMIT_*
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

struct PublishedPort {
  std::string address;  // of the host; empty: all
  std::uint16_t host = 0;
  std::uint16_t guest = 0;
  bool udp = false;
};

// When an image is fetched from its registry: never, when it isn't in the store, or each time.
enum class Pull { kNever, kMissing, kAlways };

enum class Network { kUser, kNone, kTap };

// A process: the first one, or one of `exec`.
struct ProcessOptions {
  std::vector<std::string> environment;  // NAME=VALUE
  std::string directory;                 // empty: the image's
  std::string user;                      // likewise
  bool interactive = false;
  bool terminal = false;
  std::uint16_t columns = 80;  // of the terminal, at first
  std::uint16_t rows = 24;
};

struct RunOptions {
  std::string image;
  Pull pull = Pull::kMissing;
  std::string isolation = "vm";
  // Flags of one kind of isolation alone, "--kernel", and their values.
  std::map<std::string, std::string, std::less<>> isolation_flags;
  std::vector<std::string> arguments;
  std::optional<std::string> entrypoint;  // an empty one removes the image's
  ProcessOptions process;
  std::string name;
  std::string hostname;
  std::map<std::string, std::string> labels;
  std::string stop_signal;
  std::uint32_t stop_timeout = 10;  // seconds
  std::vector<Volume> volumes;
  std::vector<TmpfsMount> tmpfs;
  std::vector<Rlimit> rlimits;
  std::vector<PublishedPort> ports;
  std::vector<std::string> dns;
  Network network = Network::kUser;
  std::string tap;  // of kTap
  bool read_only = false;
  bool detach = false;
  bool remove = false;
  bool init = false;
  bool trace = false;  // report the timeline

  std::uint32_t cpus = 1;
  std::uint64_t memory = 512ULL << 20U;
  std::uint64_t storage = 0;  // bytes on disk for what is written; 0: memory

  std::string store;
  std::optional<std::chrono::milliseconds> timeout;

  // Empty for a flag that wasn't given.
  [[nodiscard]] std::string isolation_flag(std::string_view flag) const {
    const auto found = isolation_flags.find(flag);
    return found == isolation_flags.end() ? std::string() : found->second;
  }
};

}  // namespace bothy::run
