// The protocol between an instance's owner and its clients over the owner's `api` socket: frames
// (frame.h), whose `process` has a meaning in kOutput only.
//
// The starter of a detached instance sends no request: it receives one kAnswer, a StartOutcome,
// when the first process has started or couldn't. The starter of an instance that isn't detached is
// attached from the beginning.
//
// Any other client's first frame is a kRequest (requests.h). The owner answers with one kAnswer,
// {"ok": true, "result": ...} or {"ok": false, "error": "..."}. After an AttachRequest, and an
// ExecRequest that isn't detached, the rest of the connection is the process's: input and sizes to
// it, output and its end from it.
//
// Input is limited by credit, so that sizes and signals never wait behind input that a process
// doesn't read: a client sends at most kInputWindow bytes more than kInputRoom has given back. The
// owner disconnects a client that sends more.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bothy::run {

enum ClientFrame : std::uint16_t {
  // From the client.
  kRequest = 1,   // JSON
  kInput = 2,     // bytes for stdin
  kInputEnd = 3,  // end of stdin
  kResize = 4,    // uint16_t columns, uint16_t rows
  kSignal = 5,    // int32_t

  // From the owner.
  kAnswer = 16,  // JSON
  kOutput = 17,  // bytes; `process` is 1 for stdout, 2 for stderr
  kEnded = 18,   // int32_t: the exit code, as of a shell; then an error of bothy itself, or nothing
  kTimeline = 19,   // Timeline::text(), after kEnded of the first process
  kInputRoom = 20,  // uint32_t: bytes of input that the process has taken
};

inline constexpr std::size_t kInputWindow = 256UL * 1024;

}  // namespace bothy::run
