#include "run/copy.h"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/json_fields.h"
#include "run/client.h"
#include "run/client_frames.h"
#include "run/client_protocol.h"

namespace bothy::run {
namespace {

constexpr std::size_t kPiece = 64 * 1024;
constexpr std::uint64_t kMostAfterArchive = 1U << 20U;

// A copy's end, as the owner tells it.
Result<void> end_of_copy(const ReceivedFrame& frame) {
  std::int32_t code = 0;
  std::memcpy(&code, frame.bytes.data(), std::min(sizeof(code), frame.bytes.size()));
  if (frame.bytes.size() < sizeof(code)) {
    return make_error(ErrorCode::kSystem, "its owner speaks another protocol");
  }
  if (code == 0) {
    return success();
  }
  const std::string words = frame.bytes.substr(sizeof(code));
  return make_error(ErrorCode::kSystem, "{}", words.empty() ? "the guest ended meanwhile" : words);
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
      while (room_ == 0 || owner_speaks()) {
        BOTHY_TRY(hear());
      }
      const image::Bytes piece = bytes.first(std::min({bytes.size(), kPiece, room_}));
      if (!send_frame(socket_, kInput, piece)) {
        BOTHY_TRY(wait_for_end(socket_));
        return too_early();
      }
      room_ -= piece.size();
      bytes = bytes.subspan(piece.size());
    }
    return success();
  }

 private:
  [[nodiscard]] bool owner_speaks() const noexcept {
    pollfd wait{socket_, POLLIN, 0};
    return ::poll(&wait, 1, 0) > 0;
  }

  Result<void> hear() {
    BOTHY_TRY(const ReceivedFrame frame, receive_frame(socket_));
    std::uint32_t taken = 0;
    if (frame.type == kInputRoom && frame.bytes.size() == sizeof(taken)) {
      std::memcpy(&taken, frame.bytes.data(), sizeof(taken));
      room_ += taken;
    } else if (frame.type == kEnded) {
      BOTHY_TRY(end_of_copy(frame));
      return too_early();
    }
    return success();
  }

  static Error too_early() {
    return make_error(ErrorCode::kSystem, "the guest ended the copy too early");
  }

  const int socket_;
  std::size_t room_ = kInputWindow;
};

Result<UniqueFd> begin(const Instance& instance, const char* verb, const std::string& path) {
  BOTHY_TRY(UniqueFd socket, connect(instance));
  BOTHY_TRY(ask(socket.get(), {{"verb", verb}, {"path", path}}));
  return socket;
}

}  // namespace

Result<std::optional<GuestFile>> look_at_guest(const Instance& instance, const std::string& path) {
  BOTHY_TRY(const UniqueFd socket, connect(instance));
  BOTHY_TRY(const boost::json::value answer, ask(socket.get(), {{"verb", "look"}, {"path", path}}));
  BOTHY_TRY(const JsonFields fields, JsonFields::of(answer, "the answer"));
  BOTHY_TRY(const std::uint64_t error, fields.number("errno"));
  if (error == ENOENT) {
    return std::optional<GuestFile>();
  }
  if (error != 0) {
    return errno_error("can't look at " + path, static_cast<int>(error));
  }
  BOTHY_TRY(const std::uint64_t mode, fields.number("mode"));
  GuestFile file;
  file.directory = S_ISDIR(mode);
  BOTHY_TRY(file.path, fields.text("path"));
  return std::optional<GuestFile>(std::move(file));
}

Result<void> copy_into_guest(const Instance& instance, const std::string& directory,
                             const std::function<Result<void>(const ArchiveSink&)>& produce) {
  BOTHY_TRY(const UniqueFd socket, begin(instance, "copy-in", directory));
  Input input(socket.get());
  BOTHY_TRY(produce([&](image::Bytes bytes) { return input.send(bytes); }));
  // One who has hung up has said why.
  static_cast<void>(send_frame(socket.get(), kInputEnd, {}));
  return wait_for_end(socket.get());
}

Result<std::unique_ptr<GuestArchive>> GuestArchive::open(const Instance& instance,
                                                         const std::string& path) {
  BOTHY_TRY(UniqueFd socket, begin(instance, "copy-out", path));
  return std::unique_ptr<GuestArchive>(new GuestArchive(std::move(socket)));
}

Result<std::size_t> GuestArchive::read(std::span<std::byte> into) {
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

Result<void> GuestArchive::finish() {
  std::vector<std::byte> piece(kPiece);
  const std::uint64_t most = count_ + kMostAfterArchive;
  while (count_ < most) {
    BOTHY_TRY(const std::size_t got, read(piece));
    if (got == 0) {
      return success();
    }
  }
  return make_error(ErrorCode::kBadImage, "the guest sends more than an archive");
}

}  // namespace bothy::run
