// RunOptions: the flags of `bothy run`, parsed, whatever the isolation.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/confinement.h"

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

enum class Network {
  kUser,       // outgoing traffic without privileges, and published ports
  kNone,       // a loopback interface alone
  kTap,        // a TAP device of the host
  kHost,       // the host's own
  kNamespace,  // a network namespace of the host
};

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
  // Flags of one kind of isolation alone, "--kernel", and the values of those that were given: one,
  // several, or an empty one of a switch.
  std::map<std::string, std::vector<std::string>, std::less<>> isolation_flags;
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
  bool ipv6 = false;         // of kUser, by find_user_network()
  std::string network_name;  // of kTap: the device; of kNamespace: an absolute path
  bool read_only = false;
  bool detach = false;
  bool remove = false;
  bool init = false;
  bool trace = false;  // report the timeline

  // Nothing: as the isolation has it.
  std::optional<std::uint64_t> millicpus;  // thousandths of a CPU
  std::optional<std::uint64_t> memory;     // bytes
  std::optional<std::uint64_t> processes;  // their number, threads included
  std::uint64_t storage = 0;               // bytes on disk for what is written; 0: memory

  sandbox::Mode sandbox = sandbox::Mode::kOn;  // of the owner's own process

  std::string store;
  std::optional<std::chrono::milliseconds> timeout;

  // Empty for a flag that wasn't given.
  [[nodiscard]] std::string isolation_flag(std::string_view flag) const {
    const auto values = isolation_values(flag);
    return values.empty() ? std::string() : values.back();
  }
  [[nodiscard]] std::vector<std::string> isolation_values(std::string_view flag) const {
    const auto found = isolation_flags.find(flag);
    return found == isolation_flags.end() ? std::vector<std::string>() : found->second;
  }
  [[nodiscard]] bool has_isolation_flag(std::string_view flag) const {
    return isolation_flags.contains(flag);
  }
};

}  // namespace bothy::run
