// The blocks of a tar archive (POSIX.1-2017, pax; the fields of ustar).
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace bothy::init {

constexpr size_t kTarBlock = 512;

struct TarHeader {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[8];  // "ustar\0" "00"
  char user[32];
  char group[32];
  char major[8];
  char minor[8];
  char prefix[155];
  char padding[12];
};
static_assert(sizeof(TarHeader) == kTarBlock);

// The sum of a header's bytes, with those of its checksum taken as spaces.
inline unsigned tar_checksum(const TarHeader& header) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(&header);
  constexpr size_t kFirst = offsetof(TarHeader, checksum);
  unsigned sum = 0;
  for (size_t i = 0; i < kTarBlock; ++i)
    sum += i >= kFirst && i < kFirst + sizeof header.checksum ? ' ' : bytes[i];
  return sum;
}

}  // namespace bothy::init
