#include "image/erofs/directory.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/files.h"
#include "image/erofs/layout.h"

namespace bothy::image::erofs {
namespace {

template <class T>
void append(std::string& text, const T& value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Name prefixes and the indexes that replace them. An ACL's name is a prefix only.
constexpr std::array<std::pair<std::string_view, std::uint8_t>, 5> kPrefixes{{
    {"user.", 1},
    {"system.posix_acl_access", 2},
    {"system.posix_acl_default", 3},
    {"trusted.", 4},
    {"security.", 6},
}};

std::string pack_block(const NamedInode* first, const NamedInode* last) {
  std::string block;
  auto offset = static_cast<std::size_t>(last - first) * sizeof(DirectoryEntry);
  for (const NamedInode* entry = first; entry != last; ++entry) {
    append(block,
           DirectoryEntry{entry->nid, static_cast<std::uint16_t>(offset), entry->file_type, 0});
    offset += entry->name.size();
  }
  for (const NamedInode* entry = first; entry != last; ++entry) {
    block += entry->name;
  }
  return block;
}

}  // namespace

std::string pack_directory(const std::vector<NamedInode>& entries) {
  std::string content;
  const NamedInode* const end = entries.data() + entries.size();
  for (const NamedInode* first = entries.data(); first != end;) {
    const NamedInode* last = first;
    for (std::size_t size = 0; last != end; ++last) {
      size += sizeof(DirectoryEntry) + last->name.size();
      if (size > kBlock) {
        break;
      }
    }
    content += pack_block(first, last);
    first = last;
    if (first != end) {
      content.resize((content.size() + kBlock - 1) / kBlock * kBlock);
    }
  }
  return content;
}

Result<std::string> pack_attributes(const std::vector<ExtendedAttribute>& attributes) {
  std::string body;
  for (const auto& [name, value] : attributes) {
    for (const auto& [prefix, index] : kPrefixes) {
      if (!name.starts_with(prefix)) {
        continue;
      }
      const std::string_view rest = std::string_view(name).substr(prefix.size());
      if (rest.size() > 255 || value.size() > 65535) {
        return make_error(ErrorCode::kBadInput,
                          "extended attribute '{}' is too long: expected at most 255 bytes of name "
                          "and 65535 of value",
                          printable(name));
      }
      if (body.empty()) {
        append(body, XattrHeader{});
      }
      append(body, XattrEntry{static_cast<std::uint8_t>(rest.size()), index,
                              static_cast<std::uint16_t>(value.size())});
      body += rest;
      body += value;
      body.resize((body.size() + 3) / 4 * 4);
      break;
    }
  }
  return body;
}

}  // namespace bothy::image::erofs
