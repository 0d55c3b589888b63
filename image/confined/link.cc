#include "image/confined/link.h"

#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "image/confined/wire.h"

namespace bothy::image {
namespace {

constexpr std::chrono::milliseconds kProgressInterval{100};

constexpr std::uint32_t number_of(LinkMessage message) noexcept {
  return static_cast<std::uint32_t>(message);
}

Result<void> read_exactly(int fd, char* into, std::size_t size) {
  while (size > 0) {
    const ssize_t count = ::read(fd, into, size);
    if (count == 0 || (count < 0 && errno != EINTR)) {
      return make_error(ErrorCode::kSystem, "the process that unpacks for has ended");
    }
    into += count < 0 ? 0 : count;
    size -= count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  return success();
}

}  // namespace

Result<void> ParentLink::tell(std::uint32_t type, std::string_view content) {
  const LinkHeader header{type, static_cast<std::uint32_t>(content.size())};
  const std::string name = "a pipe";
  BOTHY_TRY(write_all(fd_, std::as_bytes(std::span(&header, 1)), name));
  return write_all(fd_, std::as_bytes(std::span(content)), name);
}

Result<std::string> ParentLink::ask(std::uint32_t type, std::string_view content) {
  BOTHY_TRY(tell(type, content));
  LinkHeader header;
  BOTHY_TRY(read_exactly(fd_, reinterpret_cast<char*>(&header), sizeof(header)));
  std::string answer(header.size, '\0');
  BOTHY_TRY(read_exactly(fd_, answer.data(), answer.size()));
  if (header.type == number_of(LinkMessage::kFailed)) {
    return unpack_error(answer);
  }
  return answer;
}

void ParentLink::progress(std::string_view what, std::uint64_t done, std::uint64_t all) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_progress_) {
    return;
  }
  next_progress_ = now + kProgressInterval;
  WireWriter message;
  message.text(what.substr(0, kMaxLinkText));
  message.number(done);
  message.number(all);
  static_cast<void>(tell(number_of(LinkMessage::kProgress), message.take()));
}

void ParentLink::finish(const Result<std::string>& result) {
  if (!result) {
    static_cast<void>(tell(number_of(LinkMessage::kFailed), pack_error(result.error())));
  } else if (result.value().size() > kMaxFrame) {
    static_cast<void>(
        tell(number_of(LinkMessage::kFailed),
             pack_error(make_error(ErrorCode::kBadInput, "the image's documents are too large"))));
  } else {
    static_cast<void>(tell(number_of(LinkMessage::kDone), result.value()));
  }
}

std::string pack_error(const Error& error) {
  WireWriter message;
  message.number(static_cast<std::uint64_t>(error.code));
  message.text(std::string_view(error.context).substr(0, kMaxLinkText));
  return message.take();
}

Error unpack_error(std::string_view content) {
  WireReader reader(content);
  const auto code = reader.number();
  const auto text = reader.text(kMaxLinkText);
  if (!code || !text || code.value() > static_cast<std::uint64_t>(ErrorCode::kSystem)) {
    return make_error(ErrorCode::kBadInput, "an error of the unpacking process can't be read");
  }
  return Error{static_cast<ErrorCode>(code.value()), printable(text.value(), kMaxLinkText)};
}

}  // namespace bothy::image
