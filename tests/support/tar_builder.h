// Tar archives of a test's own making: TarBuilder by libarchive, as other programs write them, and
// raw_entry() by hand, for what no program writes.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bothy::test {

class TarBuilder {
 public:
  struct Meta {
    unsigned mode = 0644;
    int uid = 0;
    int gid = 0;
    std::int64_t mtime = 1'600'000'000;
    long nanoseconds = 0;
    std::vector<std::pair<std::string, std::string>> xattrs = {};
  };

  using Format = int (*)(archive*);
  using Filter = int (*)(archive*);

  // Formats and filters as libarchive's functions that set them: its functions that take a code
  // bring in every format it has.
  explicit TarBuilder(Filter filter = archive_write_add_filter_none,
                      Format format = archive_write_set_format_pax)
      : handle_(archive_write_new()) {
    format(handle_);
    filter(handle_);
    archive_write_set_bytes_per_block(handle_, 0);
    archive_write_open(handle_, this, nullptr, &TarBuilder::put, nullptr);
  }
  TarBuilder(const TarBuilder&) = delete;
  TarBuilder& operator=(const TarBuilder&) = delete;
  ~TarBuilder() { archive_write_free(handle_); }

  TarBuilder& file(const std::string& path, std::string_view content) {
    return file(path, content, Meta());
  }
  TarBuilder& file(const std::string& path, std::string_view content, const Meta& meta) {
    archive_entry* entry = make(path, AE_IFREG, meta);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    finish(entry);
    archive_write_data(handle_, content.data(), content.size());
    return *this;
  }
  TarBuilder& directory(const std::string& path) { return directory(path, Meta{.mode = 0755}); }
  TarBuilder& directory(const std::string& path, const Meta& meta) {
    return finish(make(path, AE_IFDIR, meta));
  }
  TarBuilder& symlink(const std::string& path, const std::string& target) {
    archive_entry* entry = make(path, AE_IFLNK, Meta{.mode = 0777});
    archive_entry_set_symlink(entry, target.c_str());
    return finish(entry);
  }
  TarBuilder& hard_link(const std::string& path, const std::string& target) {
    archive_entry* entry = make(path, AE_IFREG, Meta());
    archive_entry_set_hardlink(entry, target.c_str());
    return finish(entry);
  }
  TarBuilder& device(const std::string& path, unsigned type, int major, int minor) {
    archive_entry* entry = make(path, type, Meta());
    archive_entry_set_rdevmajor(entry, static_cast<dev_t>(major));
    archive_entry_set_rdevminor(entry, static_cast<dev_t>(minor));
    return finish(entry);
  }
  // Of `size` bytes, with `content` at `offset` and holes around it.
  TarBuilder& sparse(const std::string& path, std::uint64_t size, std::uint64_t offset,
                     std::string_view content) {
    archive_entry* entry = make(path, AE_IFREG, Meta());
    archive_entry_set_size(entry, static_cast<la_int64_t>(size));
    archive_entry_sparse_add_entry(entry, static_cast<la_int64_t>(offset),
                                   static_cast<la_int64_t>(content.size()));
    finish(entry);
    std::string whole(size, '\0');
    whole.replace(offset, content.size(), content);
    archive_write_data(handle_, whole.data(), whole.size());
    return *this;
  }
  // The archive; nothing can be added any more.
  std::string done() {
    archive_write_close(handle_);
    return std::move(bytes_);
  }

 private:
  static la_ssize_t put(archive* /*handle*/, void* context, const void* bytes, std::size_t size) {
    static_cast<TarBuilder*>(context)->bytes_.append(static_cast<const char*>(bytes), size);
    return static_cast<la_ssize_t>(size);
  }
  static archive_entry* make(const std::string& path, unsigned type, const Meta& meta) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, path.c_str());
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, static_cast<mode_t>(meta.mode));
    archive_entry_set_uid(entry, meta.uid);
    archive_entry_set_gid(entry, meta.gid);
    archive_entry_set_mtime(entry, meta.mtime, meta.nanoseconds);
    for (const auto& [name, value] : meta.xattrs) {
      archive_entry_xattr_add_entry(entry, name.c_str(), value.data(), value.size());
    }
    return entry;
  }
  TarBuilder& finish(archive_entry* entry) {
    archive_write_header(handle_, entry);
    archive_entry_free(entry);
    return *this;
  }

  archive* handle_;
  std::string bytes_;
};

struct RawHeader {
  std::string name;
  char type = '0';
  std::string link = {};
  std::string size = "00000000000";
  std::string uid = "0000000";
  std::string major = "0000000";
};

// A ustar header with a right checksum, then `content` filled up to a block.
inline std::string raw_entry(const RawHeader& header, std::string_view content = {}) {
  std::string block(512, '\0');
  const auto put = [&](std::size_t at, std::string_view text) {
    block.replace(at, text.size(), text);
  };
  put(0, header.name.substr(0, 100));
  put(100, "0000644");
  put(108, header.uid);
  put(116, "0000000");
  put(124, header.size);
  put(136, "00000000000");
  block[156] = header.type;
  put(157, header.link.substr(0, 100));
  put(257, std::string_view("ustar\0"
                            "00",
                            8));
  put(329, header.major);
  put(337, "0000000");
  put(148, "        ");
  unsigned sum = 0;
  for (const char byte : block) {
    sum += static_cast<unsigned char>(byte);
  }
  char digits[9];
  std::snprintf(&digits[0], sizeof(digits), "%06o", sum);
  put(148, std::string_view(&digits[0], 6));
  block[154] = '\0';
  block += content;
  block.resize((block.size() + 511) / 512 * 512);
  return block;
}

inline std::string octal(std::uint64_t value) {
  char digits[16];
  std::snprintf(&digits[0], sizeof(digits), "%011llo", static_cast<unsigned long long>(value));
  return &digits[0];
}

// An extended header for the entry that follows.
inline std::string raw_pax(const std::vector<std::pair<std::string, std::string>>& records) {
  std::string text;
  for (const auto& [key, value] : records) {
    const std::string body = " " + key + "=" + value + "\n";
    std::size_t length = body.size() + 1;
    while (std::to_string(length).size() + body.size() != length) {
      ++length;
    }
    text += std::to_string(length) + body;
  }
  return raw_entry({.name = "pax", .type = 'x', .size = octal(text.size())}, text);
}

inline std::string raw_end() {
  return std::string(1024, '\0');
}

}  // namespace bothy::test
