// ByteSource: bytes that are read once, in order: a file, a stream, the output of a decompressor.
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
#include "image/bytes/limits.h"

namespace bothy::image {

using Bytes = std::span<const std::byte>;

class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Reads 1 to into.size() bytes, which must not be 0, and returns how many; 0 at the end only.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<std::byte> into) = 0;
};

// Reads into.size() bytes, or fewer at the end of the source.
[[nodiscard]] Result<std::size_t> read_up_to(ByteSource& source, std::span<std::byte> into);

// Reads a descriptor, which it owns, from the current position. `name` is for errors.
class FileSource final : public ByteSource {
 public:
  FileSource(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  UniqueFd fd_;
  std::string name_;
};

// Reads memory, which the caller keeps valid.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(Bytes bytes) noexcept : left_(bytes) {}
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  Bytes left_;
};

// A source whose first bytes can be inspected before they are read.
class PeekSource final : public ByteSource {
 public:
  explicit PeekSource(ByteSource& source) noexcept : source_(source) {}
  // The first `count` bytes, or fewer at the end. To be called before anything is read.
  [[nodiscard]] Result<Bytes> peek(std::size_t count);
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  ByteSource& source_;
  std::vector<std::byte> head_;
  std::size_t used_ = 0;
};

// Counts the bytes read on a budget, which must outlive it, as `resource`.
class CountingSource final : public ByteSource {
 public:
  CountingSource(ByteSource& source, Budget& budget, Resource resource) noexcept
      : source_(source), budget_(budget), resource_(resource) {}
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  ByteSource& source_;
  Budget& budget_;
  const Resource resource_;
};

// Hashes the bytes read.
class HashingSource final : public ByteSource {
 public:
  explicit HashingSource(ByteSource& source) : source_(source) {}
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

  // Reads the rest of the source, and returns the digest of all of its bytes.
  [[nodiscard]] Result<Digest> finish();

 private:
  ByteSource& source_;
  Sha256 hash_;
};

}  // namespace bothy::image
