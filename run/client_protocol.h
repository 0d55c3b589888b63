// How an instance's owner is asked for things over its `api` socket: frames as of
// guest/protocol/agent.h, whose `process` has no meaning here but in kOutput.
//
// A detached instance's starter needs no request: it gets one kAnswer when its process has started,
// or can't be: {"code": ..., "error": "..."}, as a detached `exec` does. One that isn't detached is
// as if after an `attach`.
//
// Any other client's first frame is a kRequest: {"verb": "...", ...}. The owner answers with one
// kAnswer, {"ok": true, "result": ...} or {"ok": false, "error": "..."}. After an `attach`, and an
// `exec` that isn't detached, the rest of the conversation is the process's: input and sizes to it,
// output and its end from it.
//
// Input goes by credit, so that sizes and signals never wait behind what a process doesn't read: a
// client sends at most kInputWindow bytes more than kInputRoom has given back, and one that sends
// more is cut off.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bothy::run {

enum ClientFrame : std::uint16_t {
  // The client's.
  kRequest = 1,   // JSON
  kInput = 2,     // bytes for stdin
  kInputEnd = 3,  // there are no more
  kResize = 4,    // uint16_t columns, uint16_t rows
  kSignal = 5,    // int32_t

  // The owner's.
  kAnswer = 16,    // JSON
  kOutput = 17,    // bytes; `process` is 1 for stdout, 2 for stderr
  kEnded = 18,     // int32_t: the exit code, as a shell has it; then words when bothy itself failed
  kTimeline = 19,  // Timeline::text(), after kEnded of the first process
  kInputRoom = 20,  // uint32_t: bytes of input that were taken
};

inline constexpr std::size_t kInputWindow = 256UL * 1024;

}  // namespace bothy::run
