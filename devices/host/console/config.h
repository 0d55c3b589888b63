// Configuration of consoles.
#pragma once

#include <cstdint>
#include <string>

namespace bothy {

// The host's end of a console or a port.
struct CharacterBackendConfig {
  enum class Kind : std::uint8_t {
    kStdio,   // stdin and stdout
    kPty,     // a new pseudo-terminal
    kFile,    // output only, appended to `path`
    kSocket,  // a listening unix socket at `path`, for one client at a time
  };

  Kind kind = Kind::kStdio;
  std::string path;
  friend bool operator==(const CharacterBackendConfig&, const CharacterBackendConfig&) = default;
};

enum class ConsoleKind : std::uint8_t {
  kAuto,    // virtio where the kernel has its driver built in, otherwise serial
  kSerial,  // a 16550 at COM1
  kVirtio,  // a virtio console, and a 16550 for earlier output
  kOff,
};

// The guest's own console.
struct ConsoleConfig {
  ConsoleKind kind = ConsoleKind::kAuto;
  CharacterBackendConfig backend;
};

// A further port of the virtio console.
struct PortConfig {
  std::string name;         // in the guest: letters, digits and "._:-"
  bool is_console = false;  // a terminal of the guest (hvcN), or a plain port
  CharacterBackendConfig backend{CharacterBackendConfig::Kind::kPty, {}};
};

}  // namespace bothy
