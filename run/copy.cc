#include "run/copy.h"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/files.h"
#include "run/client.h"
#include "run/client_frames.h"
#include "run/client_protocol.h"

namespace bothy::run {
namespace {

constexpr std::size_t kBufferSize = 64U << 10U;
constexpr std::uint64_t kMaxAfterArchive = 1U << 20U;

// The owner's report of a copy's end.
Result<void> end_of_copy(const ReceivedFrame& frame) {
  std::int32_t code = 0;
  std::memcpy(&code, frame.bytes.data(), std::min(sizeof(code), frame.bytes.size()));
  if (frame.bytes.size() < sizeof(code)) {
    return make_error(ErrorCode::kSystem, "the instance's owner sent no exit code");
  }
  if (code == 0) {
    return success();
  }
  const std::string message = frame.bytes.substr(sizeof(code));
  return make_error(ErrorCode::kSystem, "{}",
                    message.empty() ? "the instance ended during the copy" : message);
}

Result<void> wait_for_end(int socket) {
  for (;;) {
    BOTHY_TRY(const ReceivedFrame frame, receive_frame(socket));
    if (frame.type == kEnded) {
      return end_of_copy(frame);
    }
  }
}

// Sends an archive, as fast as the owner has room for it.
class Input {
 public:
  explicit Input(int socket) noexcept : socket_(socket) {}

  Result<void> send(image::Bytes bytes) {
    while (!bytes.empty()) {
      while (room_ == 0 || has_frame()) {
        BOTHY_TRY(take_frame());
      }
      const image::Bytes piece = bytes.first(std::min({bytes.size(), kBufferSize, room_}));
      if (!send_frame(socket_, kInput, piece)) {
        BOTHY_TRY(wait_for_end(socket_));
        return ended_early();
      }
      room_ -= piece.size();
      bytes = bytes.subspan(piece.size());
    }
    return success();
  }

 private:
  [[nodiscard]] bool has_frame() const noexcept {
    pollfd wait{socket_, POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0;
  }

  Result<void> take_frame() {
    BOTHY_TRY(const ReceivedFrame frame, receive_frame(socket_));
    std::uint32_t taken = 0;
    if (frame.type == kInputRoom && frame.bytes.size() == sizeof(taken)) {
      std::memcpy(&taken, frame.bytes.data(), sizeof(taken));
      room_ += taken;
    } else if (frame.type == kEnded) {
      BOTHY_TRY(end_of_copy(frame));
      return ended_early();
    }
    return success();
  }

  static Error ended_early() {
    return make_error(ErrorCode::kSystem, "the instance ended the copy too early");
  }

  const int socket_;
  std::size_t room_ = kInputWindow;
};

}  // namespace

Result<std::optional<InstanceFile>> look_at_instance(const Instance& instance,
                                                     const std::string& path) {
  BOTHY_TRY(PathInfo info, ask_path_info(instance, path));
  if (info.error_number == ENOENT) {
    return std::optional<InstanceFile>();
  }
  if (info.error_number != 0) {
    return errno_error(fmt::format("can't look up '{}'", printable(path)), info.error_number);
  }
  return std::optional(InstanceFile{S_ISDIR(info.mode), std::move(info.path)});
}

Result<void> copy_into_instance(const Instance& instance, const std::string& directory,
                                const std::function<Result<void>(const ArchiveSink&)>& produce) {
  BOTHY_TRY(const UniqueFd socket, open_copy_in(instance, directory));
  Input input(socket.get());
  BOTHY_TRY(produce([&](image::Bytes bytes) { return input.send(bytes); }));
  // Where this fails, the owner has reported the end already.
  static_cast<void>(send_frame(socket.get(), kInputEnd, {}));
  return wait_for_end(socket.get());
}

Result<std::unique_ptr<InstanceArchive>> InstanceArchive::open(const Instance& instance,
                                                               const std::string& path) {
  BOTHY_TRY(UniqueFd socket, open_copy_out(instance, path));
  return std::unique_ptr<InstanceArchive>(new InstanceArchive(std::move(socket)));
}

Result<std::size_t> InstanceArchive::read(std::span<std::byte> into) {
  while (!ended_ && used_ == waiting_.size()) {
    BOTHY_TRY(ReceivedFrame frame, receive_frame(socket_.get()));
    if (frame.type == kEnded) {
      BOTHY_TRY(end_of_copy(frame));
      ended_ = true;
    } else if (frame.type == kOutput) {
      waiting_ = std::move(frame.bytes);
      used_ = 0;
    }
  }
  const std::size_t count = std::min(into.size(), waiting_.size() - used_);
  std::memcpy(into.data(), waiting_.data() + used_, count);
  used_ += count;
  count_ += count;
  return count;
}

Result<void> InstanceArchive::finish() {
  std::vector<std::byte> piece(kBufferSize);
  const std::uint64_t limit = count_ + kMaxAfterArchive;
  while (count_ < limit) {
    BOTHY_TRY(const std::size_t got, read(piece));
    if (got == 0) {
      return success();
    }
  }
  return make_error(ErrorCode::kBadInput, "the instance sends data after the end of the archive");
}

}  // namespace bothy::run
