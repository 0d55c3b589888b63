// The processor's port instructions. ioperm() or iopl() must have allowed them.
#pragma once

namespace testinit {

using Port = unsigned short;

inline void out8(Port port, unsigned char value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void out16(Port port, unsigned short value) {
  asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
inline void out32(Port port, unsigned value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

inline unsigned char in8(Port port) {
  unsigned char value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline unsigned short in16(Port port) {
  unsigned short value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline unsigned in32(Port port) {
  unsigned value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

// The string forms: one instruction, many accesses, which a monitor sees as a count.
inline void out_string8(Port port, const void* data, unsigned long count) {
  asm volatile("rep outsb" : "+S"(data), "+c"(count) : "d"(port) : "memory");
}
inline void in_string8(Port port, void* data, unsigned long count) {
  asm volatile("rep insb" : "+D"(data), "+c"(count) : "d"(port) : "memory");
}
inline void out_string32(Port port, const void* data, unsigned long count) {
  asm volatile("rep outsl" : "+S"(data), "+c"(count) : "d"(port) : "memory");
}
inline void in_string32(Port port, void* data, unsigned long count) {
  asm volatile("rep insl" : "+D"(data), "+c"(count) : "d"(port) : "memory");
}

}  // namespace testinit
