#include "vmm/boot/image/unpack.h"

#include <archive.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

namespace bothy::boot {
namespace {

constexpr std::size_t kInputBlock = 1U << 18U;

// Only the filter for the magic found: no other decoder gets hostile bytes.
std::optional<int> enable_filter(archive* handle, Content format) {
  switch (format) {
    case Content::kGzip:
      return archive_read_support_filter_gzip(handle);
    case Content::kXz:
      return archive_read_support_filter_xz(handle);
    case Content::kLzma:
      return archive_read_support_filter_lzma(handle);
    case Content::kBzip2:
      return archive_read_support_filter_bzip2(handle);
    case Content::kLz4:
      return archive_read_support_filter_lz4(handle);
    case Content::kZstd:
      return archive_read_support_filter_zstd(handle);
    default:
      return std::nullopt;
  }
}

}  // namespace

// Where libarchive's reader gets its bytes from.
struct UnpackStream::Input {
  const ImageFile& file;
  std::uint64_t offset;
  std::uint64_t left;
  std::string_view format;
  std::vector<std::byte> buffer;
  std::optional<Error> error;  // reading the file failed, which libarchive can't tell

  static la_ssize_t read(archive* handle, void* context, const void** block) {
    auto& self = *static_cast<Input*>(context);
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(self.left, kInputBlock));
    self.buffer.resize(size);
    if (auto result = self.file.read(self.offset, self.buffer); !result) {
      self.error = std::move(result).error();
      archive_set_error(handle, EIO, "read error");
      return ARCHIVE_FATAL;
    }
    self.offset += size;
    self.left -= size;
    *block = self.buffer.data();
    return static_cast<la_ssize_t>(size);
  }
};

void UnpackStream::Free::operator()(archive* handle) const noexcept {
  archive_read_free(handle);
}

UnpackStream::UnpackStream(std::unique_ptr<Input> input,
                           std::unique_ptr<archive, Free> archive) noexcept
    : input_(std::move(input)), archive_(std::move(archive)) {}
UnpackStream::UnpackStream(UnpackStream&&) noexcept = default;
UnpackStream& UnpackStream::operator=(UnpackStream&&) noexcept = default;
UnpackStream::~UnpackStream() = default;

Error UnpackStream::failure() const {
  if (input_->error) {
    return *input_->error;
  }
  const char* reason = archive_error_string(archive_.get());
  return make_error(ErrorCode::kBadInput, "{} is damaged: can't unpack its {} data: {}",
                    input_->file.name(), input_->format,
                    reason != nullptr ? reason : "unknown error");
}

Result<UnpackStream> UnpackStream::open(const ImageFile& file, std::uint64_t offset,
                                        std::uint64_t length, Content format) {
  auto input =
      std::make_unique<Input>(Input{file, offset, length, compression_name(format), {}, {}});
  std::unique_ptr<archive, Free> handle(archive_read_new());
  if (!handle) {
    return make_error(ErrorCode::kExhausted, "not enough memory to unpack {}", file.name());
  }
  // ARCHIVE_WARN means that libarchive would start a program for it.
  if (enable_filter(handle.get(), format) != std::optional(ARCHIVE_OK)) {
    return make_error(ErrorCode::kUnsupported, "{} can't be unpacked here",
                      format == Content::kUnknown ? "this" : input->format);
  }
  archive_read_support_format_raw(handle.get());
  UnpackStream stream(std::move(input), std::move(handle));
  archive* reader = stream.archive_.get();
  if (archive_read_open(reader, stream.input_.get(), nullptr, &Input::read, nullptr) !=
      ARCHIVE_OK) {
    return stream.failure();
  }
  // libarchive checks more than the magic; and a small file of many layers could take for ever to
  // unpack. The last filter counted is the file itself.
  if (archive_filter_count(reader) != 2) {
    return make_error(ErrorCode::kUnsupported, "its {} data is of an unsupported kind",
                      stream.input_->format);
  }
  archive_entry* entry = nullptr;
  if (archive_read_next_header(reader, &entry) != ARCHIVE_OK) {
    return stream.failure();
  }
  return stream;
}

Result<Bytes> UnpackStream::next() {
  const void* block = nullptr;
  std::size_t size = 0;
  la_int64_t offset = 0;
  while (size == 0) {
    const int status = archive_read_data_block(archive_.get(), &block, &size, &offset);
    if (status == ARCHIVE_EOF) {
      return Bytes();
    }
    if (status != ARCHIVE_OK) {
      return failure();
    }
  }
  return Bytes(static_cast<const std::byte*>(block), size);
}

}  // namespace bothy::boot
