// The protocol between bothy on the host and bothy-init, PID 1 of a guest that runs an image. Both
// sides compile this header. Plain C types, little endian, no library: the guest's side has none.
//
//   configuration   a file in the guest's initramfs (kConfigPath): Records. The guest starts its
//                   first process without waiting for the host.
//   control         a vsock stream that the guest opens to kPort of the host: Frames both ways. The
//                   first frame is the guest's HELLO with its version.
//   stdio           a vsock stream for each stream of a process, to the same port: the first frame
//   is
//                   a STREAM with the stream's number, raw bytes follow. Shutdown is end of file.
//                   STREAM carries the token that the process was started with, since any process
//                   of the guest can connect.
//
// The host chooses the numbers of processes; the first process has 0. Neither side trusts the
// other: anything that exceeds a limit given here ends the connection.
#pragma once

#include <stdint.h>

namespace bothy::agent {

constexpr uint32_t kVersion = 2;
constexpr uint32_t kPort = 1024;  // of the host (CID 2)
constexpr char kConfigPath[] = "/bothy/config";
constexpr char kModulesPath[] = "/bothy/modules";  // KMODULE records name files in it

// A configuration is a sequence of records: a header and `length` bytes of value, without padding.
// Strings have no terminating zero; several strings in a value are separated by zero bytes.
struct Record {
  uint16_t key;
  uint16_t reserved;  // 0
  uint32_t length;
};
constexpr uint32_t kMaxConfig = 4U << 20U;

// The value of a kRlimit.
struct RlimitValue {
  uint32_t resource;  // RLIMIT_*
  uint32_t reserved;  // 0
  uint64_t soft;
  uint64_t hard;
};

// What precedes the content of a kNetlink.
struct NetlinkValue {
  uint16_t type;      // RTM_*
  uint16_t index_at;  // the interface's number is written there, as an int32_t
  char name[16];      // the interface, as it is named then
};

enum Key : uint16_t {
  kVersionKey = 1,     // uint32_t; the first record
  kModule = 2,         // file name of a kernel module; loaded in this order, before anything else
  kRootDevice = 3,     // "/dev/vda": the image, an erofs
  kScratchDevice = 4,  // an ext4 made by the host, for changes; default: a tmpfs
  kScratchSize = 5,    // uint64_t: maximum bytes of the tmpfs; 0: half of memory
  kReadOnly =
      6,  // no value: the root is read-only for processes, after files and mount points are made
  kHostname = 7,
  kInterface = 8,  // name, address, prefix length, gateway, as text
  kFile = 9,       // path, then content: written into the root (/etc/hosts, resolv.conf, ...)
  kMount =
      10,  // type, source, target, options (as mount(8) has them): in this order, after
           // the files. bind: source is a path in the root. virtiofs: source is TAG, or TAG/PATH
           // of one file or directory of it. The target is made as what the source is.
  kProcess = 11,        // the first process: records of kArgument and the keys after it
  kShutdownGrace = 12,  // uint32_t: milliseconds from SIGTERM to SIGKILL for the last processes
  kSeed = 13,           // at most 256 random bytes that initialize the kernel's generator
  kProcessLimit = 14,   // uint32_t: maximum number of processes and threads, but init's own
  kRootTag = 15,        // instead of kRootDevice: the tag of a virtiofs that is the root itself
  kNetlink = 16,        // NetlinkValue, then the content of a request to rtnetlink
  kSysctl = 17,         // a path below /proc, then what is written there
  kWatchPorts = 18,     // no value: PORTS are to be sent

  kArgument = 32,     // repeated: argv
  kEnvironment = 33,  // repeated: NAME=VALUE
  kDirectory = 34,    // working directory; made when missing
  kUser = 35,         // user[:group], names or numbers, as in the OCI config
  kGroup = 36,        // repeated: an additional group, a name or a number
  kTerminal = 37,     // uint16_t columns, uint16_t rows: stdio is a terminal, with stream 0 only
  kInput = 38,        // no value: there is a stdin stream; without it stdin is /dev/null
  kRlimit = 39,       // repeated: RlimitValue
  kReap = 40,         // no value: reap orphans (Docker's --init)
  kToken = 41,        // uint64_t: carried by the streams; default 0
};

// A frame: a header and `length` bytes.
struct Frame {
  uint32_t length;
  uint16_t type;
  uint16_t reserved;  // 0
  uint32_t process;   // where the type has one
};
constexpr uint32_t kMaxFrame = 1U << 20U;

// The content of HELLO and STREAM.
struct Opening {
  uint32_t value;
  uint32_t reserved;  // 0
  uint64_t token;     // of STREAM
};

enum Type : uint16_t {
  // From the guest.
  kHello = 1,    // Opening with the version: the first frame of control
  kStream = 2,   // Opening with 0 stdin or terminal, 1 stdout, 2 stderr: the first frame of stdio
  kStarted = 3,  // uint32_t pid in the guest
  kNotStarted = 4,  // int32_t errno, then a message with the errno's text
  kExited = 5,  // int32_t, wait(2)'s status. The output streams have ended before. After this or
                // NOT_STARTED of process 0 the guest ends the rest, then waits for the host, which
                // reads the streams to their end and answers by SHUTDOWN or by closing control:
                // bytes under way would be lost with the machine. Then it powers off.
  kStatistics = 6,  // Statistics
  kCopied = 7,      // int32_t errno, 0 for success, then a message without the errno's text
  kFailed = 8,      // message: the guest can't continue, and powers off
  kSeen = 9,        // int32_t errno, uint32_t st_mode, then the path with links resolved
  kPorts = 10,      // Ports on which processes listen, whenever they have changed

  // From the host.
  kStart = 32,     // records as in kProcess; answered by STARTED or NOT_STARTED
  kSignal = 33,    // int32_t: signal for the process (Ctrl-C at a terminal is a byte of the stream)
  kResize = 34,    // uint16_t columns, uint16_t rows
  kShutdown = 35,  // ends all processes and powers off
  kSetClock = 36,  // int64_t seconds, int64_t nanoseconds since 1970, after a pause
  kAskStatistics = 37,
  kCopyIn = 38,   // uint64_t token, then a path in the root: the guest opens stream 0 of `process`,
                  // which carries a tar that is unpacked there
  kCopyOut = 39,  // likewise; stream 1 carries a tar of it from the guest
  kLook = 40,     // a path in the root, links followed; answered by SEEN
  kConnect = 41,  // Connect: the guest opens stream 0 of `process`, and connects it to the port of
                  // its loopback addresses, or closes it
};

// TCP ports, ascending, to which loopback addresses lead: `count` of them are sent.
constexpr uint32_t kMaxPorts = 64;
struct Ports {
  uint16_t port[kMaxPorts];
  uint32_t count;  // not sent: it follows from the frame's length
};

constexpr uint32_t kMaxConnections = 128;  // of CONNECT, at a time
struct Connect {
  uint64_t token;
  uint32_t port;
  uint32_t reserved;  // 0
};

struct Statistics {
  uint64_t cpu_ns;        // since start, all CPUs
  uint64_t memory_total;  // bytes
  uint64_t memory_available;
  uint64_t processes;
  uint64_t read_bytes;  // of disks
  uint64_t written_bytes;
};

}  // namespace bothy::agent
