// Frames of the `api` socket (client_protocol.h) as a client without an executor sends and receives
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace bothy::run {

// `bytes` are at most kMaxFrame.
[[nodiscard]] std::vector<std::byte> frame_of(std::uint16_t type, std::span<const std::byte> bytes);

// Sends the whole frame and waits until that is done.
[[nodiscard]] Result<void> send_frame(int socket, std::uint16_t type,
                                      std::span<const std::byte> bytes);

struct ReceivedFrame {
  std::uint16_t type = 0;
  std::string bytes;
};
// Waits for a whole frame. kSystem when the owner disconnects or sends more than kMaxFrame bytes.
[[nodiscard]] Result<ReceivedFrame> receive_frame(int socket);

}  // namespace bothy::run
