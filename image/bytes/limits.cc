#include "image/bytes/limits.h"

#include <algorithm>
#include <limits>

namespace bothy::image {
namespace {

struct ResourceText {
  std::string_view unit;
  std::string_view flag;
};

constexpr std::array<ResourceText, kResourceCount> kTexts{{
    {"bytes of files", "--max-size"},
    {"bytes of unpacked archives", "--max-size"},
    {"bytes to download", "--max-size"},
    {"archive entries", "--max-inodes"},
    {"inodes", "--max-inodes"},
    {"bytes of names, link targets, extended attributes and extended headers", "--max-metadata"},
    {"path look-up steps", "--max-inodes"},
}};

}  // namespace

void Limits::set_size(std::uint64_t bytes) noexcept {
  content_bytes = bytes;
  archive_bytes = bytes;
  download_bytes = bytes;
}

void Limits::set_inodes(std::uint64_t count) noexcept {
  inodes = count;
  entries = count;
  lookup_steps =
      std::min(count, std::numeric_limits<std::uint64_t>::max() / kStepsPerInode) * kStepsPerInode;
}

std::uint64_t Limits::of(Resource resource) const noexcept {
  switch (resource) {
    case Resource::kContent:
      return content_bytes;
    case Resource::kArchive:
      return archive_bytes;
    case Resource::kDownload:
      return download_bytes;
    case Resource::kEntries:
      return entries;
    case Resource::kInodes:
      return inodes;
    case Resource::kMetadata:
      return metadata_bytes;
    case Resource::kSteps:
      break;
  }
  return lookup_steps;
}

Result<void> Budget::spend(Resource resource, std::uint64_t amount) {
  if (amount > left(resource)) {
    return limit_error(resource, limits_.of(resource));
  }
  spent_[static_cast<std::size_t>(resource)] += amount;
  return success();
}

Error limit_error(Resource resource, std::uint64_t limit) {
  const ResourceText& text = kTexts[static_cast<std::size_t>(resource)];
  return make_error(ErrorCode::kBadInput,
                    "the image exceeds the limit of {} {} (raise it with {} of 'bothy image')",
                    limit, text.unit, text.flag);
}

}  // namespace bothy::image
