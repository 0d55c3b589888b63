#include "run/client_frames.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "run/frame.h"

namespace bothy::run {
namespace {

Result<void> receive_all(int socket, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (count == 0) {
      return make_error(ErrorCode::kSystem, "the instance's owner disconnected without an answer");
    }
    if (count < 0 && errno != EINTR) {
      return errno_error("can't receive from the instance's owner");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  return success();
}

}  // namespace

std::vector<std::byte> frame_of(std::uint16_t type, std::span<const std::byte> bytes) {
  const FrameHeader frame{static_cast<std::uint32_t>(bytes.size()), type, 0, 0};
  std::vector<std::byte> whole(sizeof(frame) + bytes.size());
  std::memcpy(whole.data(), &frame, sizeof(frame));
  std::ranges::copy(bytes, whole.begin() + sizeof(frame));
  return whole;
}

Result<void> send_frame(int socket, std::uint16_t type, std::span<const std::byte> bytes) {
  const auto frame = frame_of(type, bytes);
  std::span<const std::byte> left(frame);
  while (!left.empty()) {
    const ssize_t count = ::send(socket, left.data(), left.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EINTR) {
      return errno_error("can't send to the instance's owner");
    }
    left = left.subspan(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  }
  return success();
}

Result<ReceivedFrame> receive_frame(int socket) {
  FrameHeader frame{};
  BOTHY_TRY(receive_all(socket, std::as_writable_bytes(std::span(&frame, 1))));
  if (frame.length > kMaxFrame) {
    return make_error(ErrorCode::kSystem,
                      "a frame of {} bytes from the instance's owner: at most {} are allowed",
                      frame.length, kMaxFrame);
  }
  ReceivedFrame received{frame.type, std::string(frame.length, '\0')};
  BOTHY_TRY(receive_all(socket, std::as_writable_bytes(std::span(received.bytes))));
  return received;
}

}  // namespace bothy::run
