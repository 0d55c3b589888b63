#include "image/bytes/byte_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/files.h"

namespace bothy::image {

Result<std::size_t> read_up_to(ByteSource& source, std::span<std::byte> into) {
  std::size_t got = 0;
  while (got < into.size()) {
    BOTHY_TRY(const std::size_t count, source.read(into.subspan(got)));
    if (count == 0) {
      break;
    }
    got += count;
  }
  return got;
}

Result<std::size_t> FileSource::read(std::span<std::byte> into) {
  while (true) {
    const ssize_t count = ::read(fd_.get(), into.data(), into.size());
    if (count >= 0) {
      return static_cast<std::size_t>(count);
    }
    if (errno != EINTR) {
      return errno_error("can't read " + printable(name_));
    }
  }
}

Result<std::size_t> MemorySource::read(std::span<std::byte> into) {
  const std::size_t count = std::min(into.size(), left_.size());
  if (count > 0) {
    std::memcpy(into.data(), left_.data(), count);
    left_ = left_.subspan(count);
  }
  return count;
}

Result<Bytes> PeekSource::peek(std::size_t count) {
  const std::size_t had = head_.size();
  if (had < count) {
    head_.resize(count);
    BOTHY_TRY(const std::size_t got, read_up_to(source_, std::span(head_).subspan(had)));
    head_.resize(had + got);
  }
  return Bytes(head_).first(std::min(count, head_.size()));
}

Result<std::size_t> PeekSource::read(std::span<std::byte> into) {
  if (used_ == head_.size()) {
    return source_.read(into);
  }
  const std::size_t count = std::min(into.size(), head_.size() - used_);
  std::memcpy(into.data(), head_.data() + used_, count);
  used_ += count;
  return count;
}

Result<std::size_t> CountingSource::read(std::span<std::byte> into) {
  BOTHY_TRY(const std::size_t count, source_.read(into));
  BOTHY_TRY(budget_.spend(resource_, count));
  return count;
}

Result<std::size_t> HashingSource::read(std::span<std::byte> into) {
  BOTHY_TRY(const std::size_t count, source_.read(into));
  hash_.update(into.first(count));
  return count;
}

Result<Digest> HashingSource::finish() {
  std::vector<std::byte> buffer(1U << 16U);
  while (true) {
    BOTHY_TRY(const std::size_t count, read(buffer));
    if (count == 0) {
      return hash_.finish();
    }
  }
}

}  // namespace bothy::image
