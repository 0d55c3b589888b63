// Text and memory without a library: views of bytes, one message built at a time, small files.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace bothy::init {

// A piece of somebody else's bytes.
struct Text {
  const char* data = nullptr;
  size_t size = 0;

  constexpr Text() = default;
  constexpr Text(const char* from, size_t length) : data(from), size(length) {}
  // NOLINTNEXTLINE(google-explicit-constructor): a string is text, and literals are everywhere
  Text(const char* string) : data(string), size(strlen(string)) {}

  bool operator==(Text other) const {
    return size == other.size && (size == 0 || memcmp(data, other.data, size) == 0);
  }
  [[nodiscard]] bool starts_with(Text prefix) const {
    return size >= prefix.size && Text(data, prefix.size) == prefix;
  }
  [[nodiscard]] bool has(char c) const { return size > 0 && memchr(data, c, size) != nullptr; }
  // What comes before the next `separator`, which is taken off the front together with it.
  Text cut(char separator);
  // All of it as a decimal number of at most `limit`; false when it isn't one.
  bool number(uint64_t& value, uint64_t limit) const;
};

// A string of our own that ends with a zero byte, for the kernel; empty when there was no room.
// Text with a zero byte in it has no meaning as a path or a name, and becomes empty as well.
class CString {
 public:
  explicit CString(Text text);
  ~CString();
  CString(const CString&) = delete;
  CString& operator=(const CString&) = delete;
  [[nodiscard]] const char* get() const { return copy_ != nullptr ? copy_ : ""; }

 private:
  char* copy_;
};

// A message of limited length, cut off where it is too long.
class Line {
 public:
  Line& add(Text text);
  Line& add_number(uint64_t number);
  [[nodiscard]] Text text() const { return {buffer_, used_}; }
  // Takes back what was added beyond this size.
  void cut_to(size_t size) { used_ = size < used_ ? size : used_; }
  const char* string();  // the same with a zero byte at its end

 private:
  char buffer_[8704];  // two paths of the largest size and what is said about them
  size_t used_ = 0;
};

// The system's text for an errno, as glibc has it: what users know from other programs.
const char* error_text(int error);

// A line on the guest's console, which is where fd 2 is.
void say(Text text);
// From now on fd 2 is /dev/kmsg.
void say_to_kernel_log();

// The whole of a file, of at most `limit` bytes, in memory that the caller frees; data is null and
// errno set when it can't be read.
Text read_file(const char* path, size_t limit);

// Writes all, however often it takes; false with errno set.
bool write_all(int fd, const void* data, size_t size);

}  // namespace bothy::init
