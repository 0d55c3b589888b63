// Text without a library: views, one line built and written at a time, small files read whole.
#pragma once

#include "sys.h"

namespace testinit {

// A view of characters, not owned.
struct Text {
  const char* data = nullptr;
  Size size = 0;

  Text() = default;
  Text(const char* from, Size length) : data(from), size(length) {}
  Text(const char* literal);

  bool operator==(Text other) const;
  bool starts_with(Text prefix) const;
  bool contains(Text piece) const;
  Text without_prefix(Size count) const { return {data + count, size - count}; }
  // Removes and returns the part before the first separator; removes the separator too.
  Text cut(char separator);
  Text trimmed() const;
  // Removes a decimal number from the front and returns it; 0 when there is none.
  unsigned long number(unsigned base = 10) const;
};

// Collects one line and writes it with a single system call, so that lines don't mix with the
// kernel's own.
class Line {
 public:
  Line& add(Text text);
  Line& add(unsigned long number, unsigned digits = 1);
  void print();

 private:
  char buffer_[4096];
  Size used_ = 0;
};

// Prints "testinit: " and the text.
void say(Text text);

// Reads a file into the buffer; empty when it can't be read.
Text read_file(const char* path, char* buffer, Size size);
template <Size N>
Text read_file(const char* path, char (&buffer)[N]) {
  return read_file(path, buffer, N);
}

// The value of the last NAME=VALUE on a kernel command line, or the fallback. The name includes its
// "=".
Text word(Text command_line, Text name, Text fallback);
bool has_word(Text command_line, Text name);

}  // namespace testinit
