// LogCapture: takes the log lines that this process writes to stderr, while the object exists.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "base/unique_fd.h"

namespace bothy::test {

class LogCapture {
 public:
  LogCapture()
      : file_(::memfd_create("log", MFD_CLOEXEC)),
        stderr_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) {
    ::dup2(file_.get(), STDERR_FILENO);
  }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  ~LogCapture() { ::dup2(stderr_.get(), STDERR_FILENO); }

  [[nodiscard]] std::string text() const {
    std::string text(static_cast<std::size_t>(::lseek(file_.get(), 0, SEEK_CUR)), '\0');
    const ssize_t count = ::pread(file_.get(), text.data(), text.size(), 0);
    text.resize(static_cast<std::size_t>(std::max(count, ssize_t{0})));
    return text;
  }
  [[nodiscard]] std::size_t lines() const {
    const std::string text = this->text();
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

 private:
  const UniqueFd file_;
  const UniqueFd stderr_;
};

}  // namespace bothy::test
