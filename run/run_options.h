// RunOptions: what `bothy run` was asked for, whatever the isolation.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "arch/cpu_features.h"

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

// When an image is fetched from its registry: never, when the store hasn't got it, or each time.
enum class Pull { kNever, kMissing, kAlways };

enum class Network { kUser, kNone, kTap };

// A process, be it the first one or one of `exec`.
struct ProcessOptions {
  std::vector<std::string> environment;  // NAME=VALUE
  std::string directory;                 // empty: the image's
  std::string user;                      // likewise
  bool interactive = false;
  bool terminal = false;
  std::uint16_t columns = 80;  // of the terminal, to begin with
  std::uint16_t rows = 24;
};

struct RunOptions {
  std::string image;
  Pull pull = Pull::kMissing;
  std::string isolation = "vm";
  std::vector<std::string> arguments;
  std::optional<std::string> entrypoint;  // an empty one takes the image's away
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
  bool trace = false;  // tell when what happened

  std::uint32_t cpus = 1;
  arch::CpuFeatures cpu_features;
  std::uint64_t memory = 512ULL << 20U;
  std::uint64_t storage = 0;  // bytes of a scratch disk; 0: memory holds what is written

  std::string kernel;   // empty: bothy's own
  std::string modules;  // a directory, for a kernel that has its drivers as modules
  std::string store;
  std::optional<std::chrono::milliseconds> timeout;
};

}  // namespace bothy::run
