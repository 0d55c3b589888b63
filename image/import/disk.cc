// Imports a raw disk, which is kept unchanged.
#include <algorithm>
#include <utility>

#include "image/import/importers.h"
#include "image/store/media_type.h"

namespace bothy::image {
namespace {

constexpr std::size_t kPart = 1U << 16U;

bool is_zero(Bytes bytes) noexcept {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](std::byte byte) { return byte == std::byte{}; });
}

}  // namespace

Result<std::vector<NewImage>> import_disk(const ImportJob& job, ByteSource& disk) {
  std::vector<std::byte> buffer(kPart);
  std::uint64_t size = 0;
  while (true) {
    BOTHY_TRY(const std::size_t count, read_up_to(disk, buffer));
    if (count == 0) {
      break;
    }
    BOTHY_TRY(job.budget.spend(Resource::kContent, count));
    const Bytes bytes = Bytes(buffer).first(count);
    size += count;
    if (is_zero(bytes)) {
      BOTHY_TRY(job.intake.write_zeros(count));
    } else {
      BOTHY_TRY(job.intake.write(bytes));
    }
  }
  if (size % 512 != 0) {
    return make_error(ErrorCode::kBadInput, "the disk has {} bytes: expected a multiple of 512",
                      size);
  }
  BOTHY_TRY(const Descriptor layer, job.intake.keep(kDiskType));
  BOTHY_TRY(NewImage image, job.single_layer(layer, layer.digest));
  std::vector<NewImage> images;
  images.push_back(std::move(image));
  return images;
}

}  // namespace bothy::image
