// Text without a library: views of bytes, messages, small files.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace bothy::init {

// A view of bytes, not owned.
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
  // Removes and returns the part before the next `separator`; removes the separator too.
  Text cut(char separator);
  // Parses all of it as a decimal number of at most `limit`.
  bool number(uint64_t& value, uint64_t limit) const;
};

// A copy that ends with a zero byte, for system calls; empty when there is no memory, and for text
// that contains a zero byte, which is no valid path or name.
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

// A message, truncated at a maximum length.
class Line {
 public:
  Line& add(Text text);
  Line& add_number(uint64_t number);
  [[nodiscard]] Text text() const { return {buffer_, used_}; }
  // Truncates the message to `size`.
  void cut_to(size_t size) { used_ = size < used_ ? size : used_; }
  const char* string();  // the text with a final zero byte

 private:
  char buffer_[8704];  // room for two paths of maximum length and a message
  size_t used_ = 0;
};

// The text for an errno, in glibc's words, which users know from other programs.
const char* error_text(int error);

// Prints a line on the guest's console (fd 2).
void say(Text text);
// Lines get the format of /dev/kmsg, which fd 2 now is.
void say_to_kernel_log();

// Reads a file of at most `limit` bytes into memory that the caller frees. On an error, data is
// null and errno is set.
Text read_file(const char* path, size_t limit);

// Writes all bytes, blocking; false with errno set.
bool write_all(int fd, const void* data, size_t size);

}  // namespace bothy::init
