#include "image/bytes/unpack_source.h"

#include <archive.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

namespace bothy::image {
namespace {

constexpr std::size_t kInputBlock = 1U << 17U;

// Enables the filter of the magic number only: no other decoder sees hostile bytes.
int enable_filter(archive* handle, Compression compression) {
  switch (compression) {
    case Compression::kGzip:
      return archive_read_support_filter_gzip(handle);
    case Compression::kZstd:
      return archive_read_support_filter_zstd(handle);
    case Compression::kXz:
      return archive_read_support_filter_xz(handle);
    case Compression::kBzip2:
      return archive_read_support_filter_bzip2(handle);
    case Compression::kNone:
      break;
  }
  return ARCHIVE_FATAL;
}

bool starts_with(Bytes head, std::string_view magic) noexcept {
  return head.size() >= magic.size() && std::memcmp(head.data(), magic.data(), magic.size()) == 0;
}

}  // namespace

Compression detect_compression(Bytes head) noexcept {
  if (starts_with(head, "\x1f\x8b")) {
    return Compression::kGzip;
  }
  if (starts_with(head, "\x28\xb5\x2f\xfd")) {
    return Compression::kZstd;
  }
  // A skippable frame, with which zstd:chunked layers may start (RFC 8878, 3.1.2).
  if (head.size() >= 4 && (head[0] & std::byte{0xf0}) == std::byte{0x50} &&
      starts_with(head.subspan(1), "\x2a\x4d\x18")) {
    return Compression::kZstd;
  }
  if (starts_with(head, std::string_view("\xfd"
                                         "7zXZ\0",
                                         6))) {
    return Compression::kXz;
  }
  if (starts_with(head, "BZh")) {
    return Compression::kBzip2;
  }
  return Compression::kNone;
}

std::string_view name_of(Compression compression) noexcept {
  switch (compression) {
    case Compression::kGzip:
      return "gzip";
    case Compression::kZstd:
      return "zstd";
    case Compression::kXz:
      return "xz";
    case Compression::kBzip2:
      return "bzip2";
    case Compression::kNone:
      break;
  }
  return "plain";
}

// The input of libarchive's reader.
struct UnpackSource::Input {
  ByteSource& packed;
  Compression compression;
  std::vector<std::byte> buffer;
  std::optional<Error> error;  // of `packed`; libarchive has no room for it

  static la_ssize_t read(archive* handle, void* context, const void** block) {
    auto& self = *static_cast<Input*>(context);
    auto result = self.packed.read(self.buffer);
    if (!result) {
      self.error = std::move(result).error();
      archive_set_error(handle, EIO, "read error");
      return ARCHIVE_FATAL;
    }
    *block = self.buffer.data();
    return static_cast<la_ssize_t>(result.value());
  }
};

UnpackSource::UnpackSource(std::unique_ptr<Input> input, archive* handle) noexcept
    : input_(std::move(input)), handle_(handle) {}

UnpackSource::~UnpackSource() {
  archive_read_free(handle_);
}

Error UnpackSource::failure() const {
  if (input_->error) {
    return *input_->error;
  }
  const char* reason = archive_error_string(handle_);
  return make_error(ErrorCode::kBadInput, "can't decompress the {} data: {}",
                    name_of(input_->compression), reason != nullptr ? reason : "unknown error");
}

Result<std::unique_ptr<UnpackSource>> UnpackSource::open(ByteSource& packed,
                                                         Compression compression) {
  auto input = std::make_unique<Input>(
      Input{packed, compression, std::vector<std::byte>(kInputBlock), std::nullopt});
  archive* handle = archive_read_new();
  if (handle == nullptr) {
    return make_error(ErrorCode::kExhausted, "can't decompress an image: out of memory");
  }
  std::unique_ptr<UnpackSource> source(new UnpackSource(std::move(input), handle));
  // With ARCHIVE_WARN, libarchive would start an external program.
  if (enable_filter(handle, compression) != ARCHIVE_OK) {
    return make_error(ErrorCode::kUnsupported, "this build can't decompress {} data",
                      name_of(compression));
  }
  archive_read_support_format_raw(handle);
  archive_entry* entry = nullptr;
  if (archive_read_open(handle, source->input_.get(), nullptr, &Input::read, nullptr) !=
          ARCHIVE_OK ||
      archive_read_next_header(handle, &entry) != ARCHIVE_OK) {
    return source->failure();
  }
  // libarchive checks more than the magic number, and would decompress twice. The last filter
  // counted is the stream itself.
  if (archive_filter_count(handle) != 2) {
    return make_error(ErrorCode::kBadInput, "the {} data is of an unsupported variant",
                      name_of(compression));
  }
  return source;
}

Result<std::size_t> UnpackSource::read(std::span<std::byte> into) {
  const la_ssize_t count = archive_read_data(handle_, into.data(), into.size());
  if (count < 0) {
    return failure();
  }
  return static_cast<std::size_t>(count);
}

Result<std::unique_ptr<PlainSource>> PlainSource::open(ByteSource& stream) {
  constexpr std::size_t kMagic = 8;
  std::unique_ptr<PlainSource> source(new PlainSource(stream));
  BOTHY_TRY(const Bytes head, source->whole_.peek(kMagic));
  if (const Compression compression = detect_compression(head); compression != Compression::kNone) {
    BOTHY_TRY(source->unpacked_, UnpackSource::open(source->whole_, compression));
  }
  return source;
}

Result<std::size_t> PlainSource::read(std::span<std::byte> into) {
  return unpacked_ ? unpacked_->read(into) : whole_.read(into);
}

}  // namespace bothy::image
