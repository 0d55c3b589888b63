// The protocol between bothy on the host and bothy-init, PID 1 of a guest that runs an image. The
// one place that says how they speak; both sides compile it. Plain C types, little endian, no
// library: the guest's side has none.
//
//   configuration   a file of the guest's initramfs (kConfigPath): Records. The guest needs no
//                   answer from anybody to start its first process.
//   control         a vsock stream that the guest opens to kPort of the host: Frames both ways, the
//                   first a HELLO of the guest's with its version.
//   stdio           a vsock stream for each of a process's streams, to the same port: the first
//                   frame is a STREAM that says which, raw bytes follow. Shutdown is end of file.
//                   It carries the token that the process was started with: any process of the
//                   guest's can connect.
//
// A process has a number of the host's choice; the first one's is 0. Both sides are hostile to each
// other: whatever is longer or larger than said here ends the connection.
#pragma once

#include <stdint.h>

namespace bothy::agent {

constexpr uint32_t kVersion = 2;
constexpr uint32_t kPort = 1024;  // of the host (CID 2)
constexpr char kConfigPath[] = "/bothy/config";
constexpr char kModulesPath[] = "/bothy/modules";  // KMODULE records name files in it

// A configuration is a sequence of records: a header, `length` bytes of value, no padding.
// Strings have no terminating zero; where a value has several, a zero byte stands between them.
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

enum Key : uint16_t {
  kVersionKey = 1,  // uint32_t, the first record
  kModule = 2,      // a file name: loaded in this order, before all else
  kRootDevice = 3,  // "/dev/vda", an erofs: the image
  kScratchDevice =
      4,             // an empty disk, made an ext4 by the host, for what is written; without: tmpfs
  kScratchSize = 5,  // uint64_t: bytes that the tmpfs may take; 0: half of memory
  kReadOnly = 6,  // no value: the root is read-only for processes; files and mount points are made
  kHostname = 7,
  kInterface = 8,  // name, address, prefix length, gateway, all text
  kFile = 9,       // path, then content: written into the root (/etc/hosts, resolv.conf, ...)
  kMount =
      10,  // type, source, target, options (as mount(8) has them): in this order, after
           // the files. bind: source is a path in the root. virtiofs: source is TAG, or TAG/PATH
           // of one file or directory of it. The target is made as what the source is.
  kProcess = 11,  // records of kArgument and below: the first process
  kShutdownGrace =
      12,      // uint32_t: milliseconds from SIGTERM to SIGKILL for what is left at the end
  kSeed = 13,  // at most 256 random bytes, for the kernel's generator: it waits for no others then

  kArgument = 32,     // repeated: argv
  kEnvironment = 33,  // repeated: NAME=VALUE
  kDirectory = 34,    // working directory; made if it isn't there
  kUser = 35,         // as the OCI config says: user[:group], names or numbers
  kGroup = 36,        // repeated: an additional group, a name or a number
  kTerminal = 37,  // uint16_t columns, uint16_t rows: stdio is a terminal, one stream (0) for all
  kInput = 38,     // no value: there is a stdin stream; without it stdin is /dev/null
  kRlimit = 39,    // repeated: RlimitValue
  kReap = 40,      // no value: run under a small init of its own (Docker's --init)
  kToken = 41,     // uint64_t: what its streams carry; 0 without
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
  // The guest's.
  kHello = 1,       // Opening, with the version: the first frame of control
  kStream = 2,      // Opening, with 0 stdin or terminal, 1 stdout, 2 stderr: the first of stdio
  kStarted = 3,     // uint32_t pid in the guest
  kNotStarted = 4,  // int32_t errno, then a message with the errno's text
  kExited = 5,  // int32_t, as waitpid() has it. Its output streams have ended before. After this or
                // NOT_STARTED of process 0 the guest ends the rest, then waits for the host, which
                // reads the streams to their end and answers by SHUTDOWN or by closing control:
                // bytes under way would be lost with the machine. Then it powers off.
  kStatistics = 6,  // Statistics
  kCopied = 7,      // int32_t errno, 0 when a copy went well, then words
  kFailed = 8,      // the guest can't go on: words; it powers off
  kSeen = 9,        // int32_t errno, uint32_t mode as stat() has it, then the path without links

  // The host's.
  kStart = 32,     // records, as of kProcess; answered by STARTED or NOT_STARTED
  kSignal = 33,    // int32_t: to the process (Ctrl-C at a terminal is a byte of its stream)
  kResize = 34,    // uint16_t columns, uint16_t rows
  kShutdown = 35,  // ends all processes and powers off
  kSetClock = 36,  // int64_t seconds, int64_t nanoseconds since 1970, after a pause
  kAskStatistics = 37,
  kCopyIn = 38,   // uint64_t token, then a path in the root: the guest opens stream 0 of `process`,
                  // which carries a tar that is unpacked there
  kCopyOut = 39,  // likewise; stream 1 carries a tar of it from the guest
  kLook = 40,     // a path in the root, links followed: answered by SEEN of `process`
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
