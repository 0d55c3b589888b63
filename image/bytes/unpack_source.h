// UnpackSource: a compressed stream, decompressed. PlainSource: a stream, decompressed if need be.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "image/bytes/byte_source.h"

struct archive;

namespace bothy::image {

enum class Compression { kNone, kGzip, kZstd, kXz, kBzip2 };

// By the magic number: file names and media types are often wrong.
[[nodiscard]] Compression detect_compression(Bytes head) noexcept;
// "gzip".
[[nodiscard]] std::string_view name_of(Compression compression) noexcept;

// Takes memory for the format's window, and none that grows with the stream.
class UnpackSource final : public ByteSource {
 public:
  // Decompresses `packed`, which must outlive this object. `compression` is not kNone.
  [[nodiscard]] static Result<std::unique_ptr<UnpackSource>> open(ByteSource& packed,
                                                                  Compression compression);
  ~UnpackSource() override;
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  struct Input;
  UnpackSource(std::unique_ptr<Input> input, archive* handle) noexcept;
  [[nodiscard]] Error failure() const;

  std::unique_ptr<Input> input_;
  archive* handle_;  // owned
};

class PlainSource final : public ByteSource {
 public:
  // Detects the compression of `stream`, which must outlive this object.
  [[nodiscard]] static Result<std::unique_ptr<PlainSource>> open(ByteSource& stream);
  [[nodiscard]] bool is_compressed() const noexcept { return unpacked_ != nullptr; }
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  explicit PlainSource(ByteSource& stream) : whole_(stream) {}

  PeekSource whole_;
  std::unique_ptr<UnpackSource> unpacked_;  // null for an uncompressed stream
};

}  // namespace bothy::image
