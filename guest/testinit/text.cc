#include "text.h"

// The compiler writes calls of these even in freestanding code.
extern "C" void* memset(void* to, int value, unsigned long size) {
  auto* bytes = static_cast<unsigned char*>(to);
  for (unsigned long i = 0; i < size; ++i) {
    bytes[i] = static_cast<unsigned char>(value);
    asm volatile("" : : : "memory");
  }
  return to;
}
extern "C" void* memcpy(void* to, const void* from, unsigned long size) {
  for (unsigned long i = 0; i < size; ++i) {
    static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
    asm volatile("" : : : "memory");
  }
  return to;
}

namespace testinit {

Text::Text(const char* literal) : data(literal) {
  while (literal[size] != '\0') ++size;
}

bool Text::starts_with(Text prefix) const {
  if (prefix.size > size) return false;
  for (Size i = 0; i < prefix.size; ++i) {
    if (data[i] != prefix.data[i]) return false;
  }
  return true;
}

bool Text::operator==(Text other) const {
  return size == other.size && starts_with(other);
}

bool Text::contains(Text piece) const {
  for (Size i = 0; i + piece.size <= size; ++i) {
    if (without_prefix(i).starts_with(piece)) return true;
  }
  return false;
}

Text Text::cut(char separator) {
  Size length = 0;
  while (length < size && data[length] != separator) ++length;
  const Text front(data, length);
  *this = without_prefix(length < size ? length + 1 : length);
  return front;
}

Text Text::trimmed() const {
  Text text = *this;
  while (text.size > 0 && text.data[0] <= ' ') text = text.without_prefix(1);
  while (text.size > 0 && text.data[text.size - 1] <= ' ') --text.size;
  return text;
}

unsigned long Text::number(unsigned base) const {
  unsigned long value = 0;
  for (Size i = 0; i < size; ++i) {
    const char c = data[i];
    unsigned digit = base;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
    if (digit >= base) break;
    value = value * base + digit;
  }
  return value;
}

Line& Line::add(Text text) {
  for (Size i = 0; i < text.size && used_ < sizeof buffer_ - 1; ++i)
    buffer_[used_++] = text.data[i];
  return *this;
}

Line& Line::add(unsigned long number, unsigned digits) {
  char reversed[20];
  unsigned count = 0;
  do {
    reversed[count++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0 || count < digits);
  while (count > 0) add(Text(&reversed[--count], 1));
  return *this;
}

void Line::print() {
  buffer_[used_++] = '\n';
  for (Size done = 0; done < used_;) {
    const long wrote = write(1, buffer_ + done, used_ - done);
    if (wrote <= 0) break;
    done += static_cast<Size>(wrote);
  }
  used_ = 0;
}

void say(Text text) {
  Line().add("testinit: ").add(text).print();
}

Text read_file(const char* path, char* buffer, Size size) {
  const int fd = open(path, kReadOnly);
  if (fd < 0) return {};
  Size used = 0;
  while (used < size) {
    const long got = read(fd, buffer + used, size - used);
    if (got <= 0) break;
    used += static_cast<Size>(got);
  }
  close(fd);
  return {buffer, used};
}

Text word(Text command_line, Text name, Text fallback) {
  Text value = fallback;
  while (command_line.size > 0) {
    const Text candidate = command_line.cut(' ').trimmed();
    if (candidate.starts_with(name)) value = candidate.without_prefix(name.size);
  }
  return value;
}

bool has_word(Text command_line, Text name) {
  while (command_line.size > 0) {
    if (command_line.cut(' ').trimmed() == name) return true;
  }
  return false;
}

}  // namespace testinit
