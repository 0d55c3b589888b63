// Bytes that are read once, from the front: a file, a stream, what a decompressor makes of another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/bytes/digest.h"

namespace bothy::image {

using Bytes = std::span<const std::byte>;

class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Up to into.size() bytes, which is not zero; 0 at the end, and only there.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<std::byte> into) = 0;
};

// As many bytes as there are, up to into.size().
[[nodiscard]] Result<std::size_t> read_up_to(ByteSource& source, std::span<std::byte> into);

// Reads a descriptor, which it owns, from its position on.
class FileSource final : public ByteSource {
 public:
  FileSource(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  UniqueFd fd_;
  std::string name_;
};

// Reads what the caller keeps.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(Bytes bytes) noexcept : left_(bytes) {}
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  Bytes left_;
};

// A source whose first bytes can be looked at before they are read.
class PeekSource final : public ByteSource {
 public:
  explicit PeekSource(ByteSource& source) noexcept : source_(source) {}
  // The first bytes, `count` of them or as many as there are; only before anything is read.
  [[nodiscard]] Result<Bytes> peek(std::size_t count);
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  ByteSource& source_;
  std::vector<std::byte> head_;
  std::size_t used_ = 0;
};

// Hashes and counts what passes, and ends with an error when it is more than `limit` bytes.
class HashingSource final : public ByteSource {
 public:
  // `what` names the data in that error, `remedy` ends its sentence.
  HashingSource(ByteSource& source, std::uint64_t limit, std::string what, std::string remedy)
      : source_(source), limit_(limit), what_(std::move(what)), remedy_(std::move(remedy)) {}
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

  // Reads what is left, and tells the digest of all.
  [[nodiscard]] Result<Digest> finish();
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  ByteSource& source_;
  const std::uint64_t limit_;
  const std::string what_;
  const std::string remedy_;
  Sha256 hash_;
  std::uint64_t count_ = 0;
};

}  // namespace bothy::image
