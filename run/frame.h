// A frame of a stream socket between bothy's own processes: a header and `length` bytes. The
// protocol with a guest's agent has the same form (guest/protocol/agent.h).
#pragma once

#include <cstdint>

namespace bothy::run {

struct FrameHeader {
  std::uint32_t length = 0;  // at most kMaxFrame
  std::uint16_t type = 0;
  std::uint16_t reserved = 0;
  std::uint32_t process = 0;  // where the type has one
};

inline constexpr std::uint32_t kMaxFrame = 1U << 20U;

}  // namespace bothy::run
