#include "image/tar/reader.h"

#include <algorithm>
#include <limits>

#include "base/files.h"
#include "image/tar/extension.h"

namespace bothy::image {
namespace {

constexpr std::size_t kGnuFirstRuns = 386;
constexpr std::size_t kGnuFirstContinues = 482;
constexpr std::size_t kGnuRealSize = 483;
constexpr std::size_t kGnuContinues = 504;

constexpr std::uint64_t padding_of(std::uint64_t size) noexcept {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

Error damaged(std::string_view what) {
  return make_error(ErrorCode::kBadInput, "{}", what);
}

Result<std::uint32_t> fit_id(std::uint64_t id) {
  if (id > std::numeric_limits<std::uint32_t>::max()) {
    return damaged("an owner or group id exceeds 32 bits");
  }
  return static_cast<std::uint32_t>(id);
}

std::optional<FileType> type_of(char flag, std::string_view name) noexcept {
  switch (flag) {
    case '\0':
    case '0':
    case '7':
      // Archives older than ustar mark a directory by a trailing slash.
      return name.ends_with('/') ? FileType::kDirectory : FileType::kRegular;
    case '1':
    case 'S':
      return FileType::kRegular;
    case '2':
      return FileType::kSymlink;
    case '3':
      return FileType::kCharacter;
    case '4':
      return FileType::kBlock;
    case '5':
    case 'D':
      return FileType::kDirectory;
    case '6':
      return FileType::kFifo;
    default:
      return std::nullopt;
  }
}

}  // namespace

Result<bool> TarReader::read_block(TarBlock& block) {
  BOTHY_TRY(const std::size_t got,
            read_up_to(source_, std::as_writable_bytes(std::span<char>(block))));
  if (got != 0 && got != kTarBlock) {
    return damaged("the archive ends in the middle of an entry");
  }
  return got != 0;
}

Result<std::string> TarReader::read_text(std::uint64_t size) {
  if (size > kMaxHeaderSize) {
    return make_error(ErrorCode::kBadInput, "an extended header exceeds {} bytes", kMaxHeaderSize);
  }
  std::string text(size, '\0');
  BOTHY_TRY(const std::size_t got,
            read_up_to(source_, std::as_writable_bytes(std::span<char>(text))));
  if (got != size) {
    return damaged("the archive ends in the middle of an entry");
  }
  BOTHY_TRY(skip(padding_of(size)));
  return text;
}

Result<void> TarReader::skip(std::uint64_t count) {
  while (count > 0) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(count, buffer_.size()));
    BOTHY_TRY(const std::size_t got, source_.read(std::span(buffer_).first(part)));
    if (got == 0) {
      return damaged("the archive ends in the middle of an entry");
    }
    count -= got;
  }
  return success();
}

Result<void> TarReader::skip_content() {
  BOTHY_TRY(skip(stored_));
  BOTHY_TRY(skip(padding_));
  stored_ = 0;
  padding_ = 0;
  return success();
}

// True when the header was an extension of the next one.
Result<bool> TarReader::read_extension(const TarHeader& header, TarExtension& extended) {
  switch (header.type) {
    case 'x': {
      BOTHY_TRY(const std::string text, read_text(header.size));
      BOTHY_TRY(const auto records, parse_pax_records(text));
      for (const auto& [key, value] : records) {
        BOTHY_TRY(extended.set(key, value));
      }
      return true;
    }
    case 'g': {  // global headers: no known tool puts what a layer needs there
      BOTHY_TRY(const std::string text, read_text(header.size));
      return true;
    }
    case 'L':
    case 'K': {
      BOTHY_TRY(std::string text, read_text(header.size));
      text.resize(std::min(text.size(), text.find('\0')));
      (header.type == 'L' ? extended.path : extended.link) = std::move(text);
      return true;
    }
    default:
      return false;
  }
}

Result<const TarEntry*> TarReader::next() {
  BOTHY_TRY(skip_content());
  TarExtension extended;
  std::uint64_t extensions = 0;
  while (!ended_) {
    TarBlock block;
    BOTHY_TRY(const bool more, read_block(block));
    if (!more || is_zero(block)) {
      // One zero block is enough; some archives have none.
      ended_ = true;
      break;
    }
    BOTHY_TRY(const TarHeader header, parse_tar_header(block));
    BOTHY_TRY(const bool extension, read_extension(header, extended));
    if (!extension) {
      BOTHY_TRY(make_entry(header, extended));
      entry_.header_bytes = extensions;
      BOTHY_TRY(start_content(block, header, extended));
      return &entry_;
    }
    extensions += header.size;
    if (extensions > 4 * kMaxHeaderSize) {
      return damaged("the extended headers of an entry are too long");
    }
  }
  return nullptr;
}

Result<void> TarReader::make_entry(const TarHeader& header, TarExtension extended) {
  entry_ = TarEntry();
  entry_.path = extended.path.value_or(header.name);
  entry_.link = extended.link.value_or(header.link);
  entry_.hard_link = header.type == '1';
  const auto type = type_of(header.type, entry_.path);
  if (!type) {
    return make_error(ErrorCode::kBadInput, "entry '{}' has the unknown type '{}'",
                      printable(entry_.path), printable({&header.type, 1}));
  }
  entry_.type = *type;
  if (entry_.path.empty() || entry_.path.size() > kMaxPathLength ||
      entry_.link.size() > kMaxPathLength || entry_.path.find('\0') != std::string::npos ||
      entry_.link.find('\0') != std::string::npos) {
    return make_error(ErrorCode::kBadInput,
                      "invalid name or link target in entry '{}': expected 1 to {} bytes",
                      printable(entry_.path), kMaxPathLength);
  }
  Attributes& attributes = entry_.attributes;
  attributes.permissions = header.mode;
  BOTHY_TRY(attributes.uid, fit_id(extended.uid.value_or(header.uid)));
  BOTHY_TRY(attributes.gid, fit_id(extended.gid.value_or(header.gid)));
  attributes.mtime = extended.mtime.value_or(TarTime{header.mtime, 0});
  extended.xattrs.merge(extended.encoded_xattrs);
  std::size_t total = 0;
  for (auto& [name, value] : extended.xattrs) {
    total += name.size() + value.size();
    attributes.xattrs.push_back({name, std::move(value)});
  }
  if (total > kMaxAttributeBytes) {
    return make_error(ErrorCode::kBadInput,
                      "entry '{}' has more than {} bytes of extended attributes",
                      printable(entry_.path), kMaxAttributeBytes);
  }
  if (header.major > 0xfff || header.minor > 0xfffff) {  // what Linux has
    return make_error(ErrorCode::kBadInput, "entry '{}' has a device number out of range",
                      printable(entry_.path));
  }
  entry_.major = static_cast<std::uint32_t>(header.major);
  entry_.minor = static_cast<std::uint32_t>(header.minor);
  return success();
}

Result<void> TarReader::start_content(const TarBlock& block, const TarHeader& header,
                                      TarExtension& extended) {
  runs_.clear();
  run_ = 0;
  // The size of anything but a file is ignored, as Go's archive/tar does, which writes most layers.
  if (entry_.type != FileType::kRegular || entry_.hard_link) {
    return success();
  }
  stored_ = extended.size.value_or(header.size);
  if (stored_ > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return damaged("invalid size in an entry's header");
  }
  padding_ = padding_of(stored_);
  entry_.size = stored_;
  if (header.type == 'S') {
    return read_old_sparse(block);
  }
  if (!extended.sparse) {
    if (stored_ > 0) {
      runs_.push_back({0, stored_});
    }
    return success();
  }
  entry_.size = extended.real_size.value_or(stored_);
  runs_ = std::move(extended.runs);
  if (extended.map_in_content) {
    BOTHY_TRY(read_sparse_map());
  }
  return check_runs();
}

Result<void> TarReader::read_old_sparse(const TarBlock& block) {
  const auto real_size = parse_tar_number({block.data() + kGnuRealSize, 12});
  if (!real_size || *real_size < 0) {
    return damaged("invalid size in an entry's header");
  }
  entry_.size = static_cast<std::uint64_t>(*real_size);
  BOTHY_TRY(parse_gnu_runs(block, kGnuFirstRuns, 4, runs_));
  bool continues = block[kGnuFirstContinues] != '\0';
  while (continues) {
    TarBlock more;
    BOTHY_TRY(const bool there, read_block(more));
    if (!there || runs_.size() > kMaxTarRuns) {
      return damaged("invalid sparse map");
    }
    BOTHY_TRY(parse_gnu_runs(more, 0, 21, runs_));
    continues = more[kGnuContinues] != '\0';
  }
  return check_runs();
}

// GNU sparse 1.0: decimal lines at the start of the content, padded to a block: the number of runs,
// and the offset and length of each.
Result<void> TarReader::read_sparse_map() {
  std::optional<std::uint64_t> count;
  std::string line;
  std::vector<std::uint64_t> numbers;
  while (!count || numbers.size() < 2 * *count) {
    TarBlock block;
    BOTHY_TRY(const bool there, read_block(block));
    if (!there || stored_ < kTarBlock) {
      return damaged("invalid sparse map");
    }
    stored_ -= kTarBlock;
    for (const char letter : block) {
      if (count && numbers.size() == 2 * *count) {
        break;  // the rest is padding
      }
      if (letter != '\n') {
        line += letter;
        if (line.size() > 20) {
          return damaged("invalid sparse map");
        }
        continue;
      }
      const auto number = parse_decimal(line);
      line.clear();
      if (!number || (!count && *number > kMaxTarRuns)) {
        return damaged("invalid sparse map");
      }
      if (count) {
        numbers.push_back(*number);
      } else {
        count = number;
      }
    }
  }
  for (std::size_t i = 0; i + 1 < numbers.size(); i += 2) {
    runs_.push_back({numbers[i], numbers[i + 1]});
  }
  return success();
}

Result<void> TarReader::check_runs() {
  std::uint64_t end = 0;
  std::uint64_t total = 0;
  for (const TarRun& run : runs_) {
    if (run.offset < end || run.offset > entry_.size || run.length > entry_.size - run.offset) {
      return make_error(ErrorCode::kBadInput,
                        "entry '{}' has a sparse map with overlapping or misplaced runs",
                        printable(entry_.path));
    }
    end = run.offset + run.length;
    total += run.length;
  }
  if (total != stored_) {
    return make_error(ErrorCode::kBadInput,
                      "entry '{}' has a sparse map that doesn't match its size",
                      printable(entry_.path));
  }
  return success();
}

Result<TarData> TarReader::data() {
  while (run_ < runs_.size() && runs_[run_].length == 0) {
    ++run_;
  }
  if (run_ == runs_.size()) {
    return TarData{entry_.size, {}};
  }
  TarRun& run = runs_[run_];
  const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(run.length, buffer_.size()));
  BOTHY_TRY(const std::size_t got, source_.read(std::span(buffer_).first(part)));
  if (got == 0) {
    return damaged("the archive ends in the middle of an entry");
  }
  const TarData data{run.offset, Bytes(buffer_).first(got)};
  run.offset += got;
  run.length -= got;
  stored_ -= got;
  return data;
}

}  // namespace bothy::image
