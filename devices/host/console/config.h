// What a user can choose about consoles.
#pragma once

#include <cstdint>
#include <string>

namespace bothy {

// Where a console's or a port's bytes come from and go to on the host.
struct CharacterBackendConfig {
  enum class Kind : std::uint8_t {
    kStdio,   // the standard descriptors: whoever started us
    kPty,     // a pseudo-terminal of our own
    kFile,    // output only, appended to `path`
    kSocket,  // a listening unix socket at `path`, for one client at a time
  };

  Kind kind = Kind::kStdio;
  std::string path;
  friend bool operator==(const CharacterBackendConfig&, const CharacterBackendConfig&) = default;
};

enum class ConsoleKind : std::uint8_t {
  kAuto,    // virtio where the kernel has its driver built in, else serial
  kSerial,  // a 16550 at COM1
  kVirtio,  // a virtio console; a 16550 shows what comes before it
  kOff,
};

// The guest's own console.
struct ConsoleConfig {
  ConsoleKind kind = ConsoleKind::kAuto;
  CharacterBackendConfig backend;
};

// One more port, of a virtio console beside it.
struct PortConfig {
  std::string name;         // as the guest finds it: letters, digits and "._:-"
  bool is_console = false;  // a terminal of the guest (hvcN), or a plain port
  CharacterBackendConfig backend{CharacterBackendConfig::Kind::kPty, {}};
};

}  // namespace bothy
