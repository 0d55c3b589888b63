// UnpackStream: the unpacked bytes of a compressed run of a file, one block after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "vmm/boot/image/content.h"
#include "vmm/boot/image/image_file.h"

struct archive;

namespace bothy::boot {

// Move-only. Keeps no unpacked bytes: the caller copies what it needs out of each block, so
// unpacking costs as much memory as the format's window. One layer of compression only.
class UnpackStream {
 public:
  // Unpacks [offset, offset + length) of `file`, which must outlive the stream and which `format`
  // was detected in. kUnsupported when bothy can't unpack that compression.
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
  // The reader is destroyed first: it may still read its input meanwhile.
  std::unique_ptr<Input> input_;
  std::unique_ptr<archive, Free> archive_;
};

}  // namespace bothy::boot
