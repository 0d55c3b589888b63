// A plan as the process gets it which makes its calls: one block of bytes with a PlanHeader at its
// beginning (container/plan.h makes it). Offsets are of bytes from there; 0: none. Shared by bothy
// and the stage, a program without a C++ library.
#pragma once

#include <stdint.h>  // NOLINT(modernize-deprecated-headers,hicpp-deprecated-headers): likewise

namespace bothy::container {

// A descriptor that the new process gets to know: one of the parent's, or the result of a call.
struct Slot {
  int32_t index = -1;
};

// Numbers of calls that are more than one system call.
enum SpecialCall : int32_t {
  kSendTerminal = -1,  // arguments: socket, descriptor: a report with the descriptor
  kSendReady = -2,     // arguments: socket
  kReportTo = -3,      // arguments: socket: later failures are reported there
  kExecute = -4,       // the command, by PlanHeader::candidates
  kFork = -5,       // arguments: a program: this process executes it with the number of a child, in
                    // which the calls go on
  kSetFilter = -6,  // arguments: flags, number of instructions, their address: seccomp(2)
  kCloseOnExec = -8,   // arguments: first: the command gets no descriptors from there on, and none
                       // of those that the stage was given
  kDropBounding = -7,  // arguments: first and last: capabilities that leave the bounding set, up to
                       // the kernel's last one
  kPause = -9,         // reports kPaused, and goes on once the parent answers
  kSendListener = -13,  // arguments: descriptor: reports kListener with it, and goes on likewise
  kCheckDevice = -14,   // arguments: directory, name, type, device number: whether the file is that
  kCheckCommand = -12,  // whether one of PlanHeader::candidates can be executed
  kCopyDirectory = -11,  // arguments: from, to, CopiedParts (copy.h)
  kRunHook = -10,  // arguments: a HookCommand, a directory: reports kHook, executes that program in
                   // the directory with the descriptors of the parent's answer, reports kHookEnd
};

// An errno value that isn't a failure, and the number of calls that are left out then.
struct Tolerated {
  int32_t error_number = 0;
  uint16_t skips = 0;
};

struct ToleratedErrors {
  static constexpr int kMax = 3;
  Tolerated each[kMax];  // NOLINT(modernize-avoid-c-arrays)

  Tolerated& operator[](int i) noexcept { return each[i]; }
};

enum class ArgumentKind : uint8_t { kNumber, kSlot, kAddress };

struct Call {
  static constexpr int kMaxArguments = 6;
  // NOLINTBEGIN(modernize-avoid-c-arrays)
  uint64_t arguments[kMaxArguments] = {};  // numbers, indexes of slots, or offsets
  ArgumentKind kinds[kMaxArguments] = {};
  // NOLINTEND(modernize-avoid-c-arrays)
  uint16_t success_skips = 0;  // calls that are left out after a success
  int32_t number = 0;          // SYS_*, or a SpecialCall
  Slot result;                 // where the result goes; none
  ToleratedErrors tolerated;
  uint32_t description = 0;  // what the call is for, a text
};

// struct clone_args (clone3(2)), version 3: with `cgroup`.
struct CloneArguments {
  uint64_t flags = 0;
  uint64_t pidfd = 0;
  uint64_t child_tid = 0;
  uint64_t parent_tid = 0;
  uint64_t exit_signal = 0;
  uint64_t stack = 0;
  uint64_t stack_size = 0;
  uint64_t tls = 0;
  uint64_t set_tid = 0;
  uint64_t set_tid_size = 0;
  uint64_t cgroup = 0;
};

struct PlanList {
  uint32_t offset = 0;
  uint32_t count = 0;
};

struct PlanHeader {
  CloneArguments clone;  // of a joiner: how it clones the process
  int32_t outcome = -1;  // of a joiner: where it says how that went (CloneOutcome); -1: no joiner
  int32_t report = -1;   // a socket of SOCK_SEQPACKET
  PlanList outer;        // calls of a joiner, before the clone
  PlanList inner;        // calls of the process
  PlanList descriptors;  // int32_t for each that the parent gives
  uint32_t slots = 0;    // int32_t for each slot
  // Lists of uint64_t, offsets of texts; ended by a 0.
  uint32_t arguments = 0;
  uint32_t environment = 0;
  uint32_t candidates = 0;  // paths of the command, in the order in which they are tried
};

// A program that the process executes in a child. Offsets as in PlanHeader.
struct HookCommand {
  uint32_t path = 0;
  uint32_t arguments = 0;
  uint32_t environment = 0;
};

// What a joiner adds to an eventfd: the process's number, or an errno value.
constexpr uint64_t kCloneFailed = uint64_t{1} << 32U;

// What a new process reports, as one message; after kFailed the call's description follows. The
// parent answers kPaused and kListener by one byte, and kHook by a byte with two descriptors: the
// hook's input and its output.
struct Report {
  enum Kind : uint32_t {
    kFailed = 1,
    kTerminal = 2,
    kReady = 3,
    kPaused = 4,
    kHook = 5,
    kHookEnd = 6,
    kListener = 7,
  };
  uint32_t kind = 0;
  int32_t error_number = 0;  // of kHookEnd: wait(2)'s status
  uint32_t at_exec = 0;
};

}  // namespace bothy::container
