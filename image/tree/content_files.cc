#include "image/tree/content_files.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.h"

namespace bothy::image {

std::string ContentFiles::name_of(const Inode& inode) {
  return std::to_string(inode.place);
}

Result<std::uint64_t> ContentFiles::begin(std::uint64_t size) {
  path_ = fmt::format("{}/{}", directory_, next_);
  size_ = size;
  BOTHY_TRY(file_, open_file(path_, O_WRONLY | O_CREAT | O_EXCL, 0600));
  return next_++;
}

Result<void> ContentFiles::write(std::uint64_t offset, Bytes bytes) {
  return write_all_at(file_.get(), bytes, offset, path_);
}

// What wasn't written is a hole, at the end as well.
Result<void> ContentFiles::end() {
  if (::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
    return errno_error("can't write " + printable(path_));
  }
  file_.reset();
  return success();
}

void ContentFiles::discard(const Inode& inode) {
  if (inode.size > 0) {
    ::unlink((directory_ + "/" + name_of(inode)).c_str());
  }
}

}  // namespace bothy::image
