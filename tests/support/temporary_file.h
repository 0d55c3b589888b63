// A file of a test's own, gone with it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"

namespace bothy::test {

class TemporaryFile {
 public:
  // On a disk, as a rule: a tmpfs, as /tmp may be, has O_DIRECT since Linux 6.6 only.
  static constexpr std::string_view kDirectory = "/var/tmp";

  // Holes, where it is longer than `content`.
  explicit TemporaryFile(std::uint64_t size, std::string_view content = {},
                         std::string_view directory = kDirectory)
      : path_(std::string(directory) + "/bothy-test-XXXXXX"), fd_(::mkstemp(path_.data())) {
    write(0, std::as_bytes(std::span(content)));
    resize(size);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { ::unlink(path_.c_str()); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  void resize(std::uint64_t size) const {
    if (::ftruncate(fd(), static_cast<off_t>(size)) != 0) {
      std::abort();
    }
  }
  void write(std::uint64_t offset, std::span<const std::byte> bytes) const {
    if (::pwrite(fd(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) < 0) {
      std::abort();
    }
  }
  void fill(std::uint64_t offset, std::size_t length, char with) const {
    const std::string bytes(length, with);
    write(offset, std::as_bytes(std::span(bytes)));
  }
  [[nodiscard]] std::string read(std::uint64_t offset, std::size_t length) const {
    std::string bytes(length, '\0');
    const ssize_t got = ::pread(fd(), bytes.data(), length, static_cast<off_t>(offset));
    bytes.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return bytes;
  }
  // Bytes that the file takes of its file system.
  [[nodiscard]] std::uint64_t allocated() const {
    struct stat status {};
    ::fstat(fd(), &status);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace bothy::test
