// UnpackSource: what a compressed stream holds.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "image/bytes/byte_source.h"

struct archive;

namespace bothy::image {

enum class Compression { kNone, kGzip, kZstd, kXz, kBzip2 };

// By its magic: what files say of their own compression is often wrong.
[[nodiscard]] Compression detect_compression(Bytes head) noexcept;
// "gzip".
[[nodiscard]] std::string_view name_of(Compression compression) noexcept;

// Memory for the format's own window, and nothing that grows with the stream.
class UnpackSource final : public ByteSource {
 public:
  // Unpacks `packed`, which must outlive this and which `compression`, not kNone, was detected in.
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

// PlainSource: what a stream holds, whether it is compressed or not.
class PlainSource final : public ByteSource {
 public:
  // Looks at how `stream` begins, which must outlive this.
  [[nodiscard]] static Result<std::unique_ptr<PlainSource>> open(ByteSource& stream);
  [[nodiscard]] bool is_compressed() const noexcept { return unpacked_ != nullptr; }
  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;

 private:
  explicit PlainSource(ByteSource& stream) : whole_(stream) {}

  PeekSource whole_;
  std::unique_ptr<UnpackSource> unpacked_;  // of one that is compressed
};

}  // namespace bothy::image
