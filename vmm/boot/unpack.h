// UnpackStream: the unpacked bytes of a compressed run of a file, one block after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "vmm/boot/content.h"
#include "vmm/boot/image_file.h"

struct archive;

namespace bothy::boot {

// Move-only. Nothing is kept of what went by: whoever wants bytes copies them out of the block, so
// unpacking costs as much memory as the format's own window. One layer of compression only.
class UnpackStream {
 public:
  // Unpacks [offset, offset + length) of `file`, which must outlive the stream and which `format`
  // was detected in. kUnsupported when that compression can't be unpacked here.
  [[nodiscard]] static Result<UnpackStream> open(const ImageFile& file, std::uint64_t offset,
                                                 std::uint64_t length, Content format);

  // The next bytes, valid until the next call; empty at the end of the data.
  [[nodiscard]] Result<Bytes> next();

 private:
  struct Input;
  struct Free {
    void operator()(archive* handle) const noexcept;
  };

  UnpackStream(std::unique_ptr<Input> input, std::unique_ptr<archive, Free> archive) noexcept;
  [[nodiscard]] Error failure() const;

 public:
  UnpackStream(UnpackStream&&) noexcept;
  UnpackStream& operator=(UnpackStream&&) noexcept;
  ~UnpackStream();

 private:
  // The reader goes first: it may still ask its input while it is taken down.
  std::unique_ptr<Input> input_;
  std::unique_ptr<archive, Free> archive_;
};

}  // namespace bothy::boot
