#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/init/directories.h"
#include "guest/init/tar.h"
#include "guest/init/tar_format.h"

namespace bothy::init {
namespace {

constexpr uint64_t kMaxExtension = 1U << 20U;  // of a pax header or a long name
constexpr uint64_t kMaxSize = uint64_t{1} << 62U;

// The fields of a header and of the extended headers before it.
struct Entry {
  char* name = nullptr;  // owned, like `link`
  char* link = nullptr;
  bool has_size = false;
  bool has_uid = false;
  bool has_gid = false;
  uint64_t size = 0;
  uint64_t uid = 0;
  uint64_t gid = 0;
  uint64_t mtime = 0;
  dev_t device = 0;
  mode_t mode = 0;
  char type = '0';

  Entry() = default;
  ~Entry() { clear(); }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  void clear() {
    free(name);
    free(link);
    name = link = nullptr;
    has_size = has_uid = has_gid = false;
    size = uid = gid = 0;
  }
};

class Unpacker {
 public:
  Unpacker(int from, const char* root, CopyResult& result)
      : from_(from), root_(root), result_(result) {}

  void run() {
    Entry entry;
    while (next(entry)) {
      if (!extract(entry)) return;
      entry.clear();
    }
  }

 private:
  bool fail(Text doing, Text name, int error) {
    result_.error = error;
    result_.message.add("can't ").add(doing).add(" ").add(name);
    return false;
  }
  bool broken() { return fail("unpack", "an invalid tar archive", EINVAL); }

  bool read_all(void* to, size_t size) {
    for (size_t got = 0; got < size;) {
      const ssize_t more = read(from_, static_cast<char*>(to) + got, size - got);
      if (more < 0 && errno == EINTR) continue;
      if (more <= 0) return broken();
      got += static_cast<size_t>(more);
    }
    return true;
  }

  bool next(Entry& entry);
  bool fill(const TarHeader& header, Entry& entry);
  bool extend(char type, uint64_t size, Entry& entry);
  bool extract(const Entry& entry);
  bool make(const Entry& entry, const char* path);
  bool write_file(const Entry& entry, const char* path);
  // To the end of the stream: the sender must not get an error.
  void read_rest() {
    char block[kTarBlock];
    while (read(from_, block, sizeof block) > 0) {
    }
  }

  int from_;
  const char* root_;
  CopyResult& result_;
};

bool field_number(const char* field, size_t size, uint64_t& number) {
  number = 0;
  size_t at = 0;
  if ((static_cast<unsigned char>(field[0]) & 0x80U) != 0) {  // GNU: the rest is a binary number
    for (at = 1; at < size; ++at) {
      if ((number >> 54U) != 0) return false;
      number = number << 8U | static_cast<unsigned char>(field[at]);
    }
    return true;
  }
  while (at < size && field[at] == ' ') ++at;
  for (; at < size && field[at] >= '0' && field[at] <= '7'; ++at)
    number = number * 8 + static_cast<uint64_t>(field[at] - '0');
  return at == size || field[at] == ' ' || field[at] == '\0';
}

char* copy(Text text) {
  char* bytes = static_cast<char*>(malloc(text.size + 1));
  if (bytes == nullptr) return nullptr;
  if (text.size > 0) memcpy(bytes, text.data, text.size);
  bytes[text.size] = '\0';
  return bytes;
}

void replace(char*& old, Text text) {
  free(old);
  old = copy(text);
}

Text field_text(const char* field, size_t size) {
  return {field, strnlen(field, size)};
}

bool is_zero(const TarHeader& header) {
  const char* bytes = reinterpret_cast<const char*>(&header);
  for (size_t i = 0; i < kTarBlock; ++i) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

// Records of pax: "LENGTH KEY=VALUE\n", where LENGTH is that of the whole record.
bool apply_pax(Text records, Entry& entry) {
  while (records.size > 0) {
    Text whole = records;
    uint64_t length = 0;
    if (!records.cut(' ').number(length, kMaxExtension) || length > whole.size ||
        length <= whole.size - records.size)
      return false;
    Text record(records.data, length - (whole.size - records.size));
    records = {whole.data + length, whole.size - length};
    if (record.data[record.size - 1] != '\n') return false;
    --record.size;
    const Text key = record.cut('=');
    if (key == "path") replace(entry.name, record);
    if (key == "linkpath") replace(entry.link, record);
    if (key == "size") entry.has_size = record.number(entry.size, kMaxSize);
    if (key == "uid") entry.has_uid = record.number(entry.uid, UINT32_MAX);
    if (key == "gid") entry.has_gid = record.number(entry.gid, UINT32_MAX);
  }
  return true;
}

bool Unpacker::extend(char type, uint64_t size, Entry& entry) {
  if (size > kMaxExtension) return broken();
  const size_t padded = (size + kTarBlock - 1) / kTarBlock * kTarBlock;
  char* bytes = static_cast<char*>(malloc(padded + 1));
  if (bytes == nullptr) return fail("unpack", "an entry", ENOMEM);
  bool good = read_all(bytes, padded);
  const Text text(bytes, size);
  if (good && type == 'L') replace(entry.name, field_text(bytes, size));
  if (good && type == 'K') replace(entry.link, field_text(bytes, size));
  if (good && type == 'x' && !apply_pax(text, entry)) good = broken();
  free(bytes);
  return good;
}

bool Unpacker::fill(const TarHeader& header, Entry& entry) {
  uint64_t mode = 0, uid = 0, gid = 0, size = 0, major = 0, minor = 0;
  if (!field_number(header.mode, sizeof header.mode, mode) ||
      !field_number(header.uid, sizeof header.uid, uid) ||
      !field_number(header.gid, sizeof header.gid, gid) ||
      !field_number(header.size, sizeof header.size, size) ||
      !field_number(header.mtime, sizeof header.mtime, entry.mtime))
    return broken();
  entry.type = header.type;
  if (entry.type == '3' || entry.type == '4') {
    if (!field_number(header.major, sizeof header.major, major) ||
        !field_number(header.minor, sizeof header.minor, minor))
      return broken();
    entry.device = makedev(static_cast<unsigned>(major), static_cast<unsigned>(minor));
  }
  entry.mode = static_cast<mode_t>(mode & 07777);
  if (!entry.has_uid) entry.uid = uid;
  if (!entry.has_gid) entry.gid = gid;
  if (!entry.has_size) entry.size = size;
  if (entry.link == nullptr) entry.link = copy(field_text(header.link, sizeof header.link));
  if (entry.name == nullptr) {
    Line name;
    // GNU archives use the field of ustar's prefix for other things.
    if (memcmp(header.magic, "ustar\0", 6) == 0 && header.prefix[0] != '\0')
      name.add(field_text(header.prefix, sizeof header.prefix)).add("/");
    entry.name = copy(name.add(field_text(header.name, sizeof header.name)).text());
  }
  if (entry.name != nullptr && entry.link != nullptr) return true;
  return fail("unpack", "an entry", ENOMEM);
}

// Reads the next entry; false at the end and on an error.
bool Unpacker::next(Entry& entry) {
  for (;;) {
    TarHeader header;
    uint64_t sum = 0, size = 0;
    if (!read_all(&header, sizeof header)) return false;
    if (is_zero(header)) {
      read_rest();
      return false;
    }
    if (!field_number(header.checksum, sizeof header.checksum, sum) || sum != tar_checksum(header))
      return broken();
    if (header.type != 'x' && header.type != 'g' && header.type != 'L' && header.type != 'K')
      return fill(header, entry);
    if (!field_number(header.size, sizeof header.size, size) || !extend(header.type, size, entry))
      return false;
  }
}

bool Unpacker::extract(const Entry& entry) {
  Text name(entry.name);
  while (name.starts_with("/")) name = {name.data + 1, name.size - 1};
  for (Text rest = name; rest.size > 0;) {
    if (rest.cut('/') == "..") return fail("unpack", name, EINVAL);
  }
  while (name.size > 0 && name.data[name.size - 1] == '/') --name.size;
  Line path;
  path.add(root_).add("/").add(name);
  if (path.text().size > PATH_MAX) return fail("unpack", name, ENAMETOOLONG);
  if (make(entry, path.string())) return true;
  return result_.error != 0 ? false : fail("unpack", name, errno);
}

bool Unpacker::make(const Entry& entry, const char* path) {
  const bool has_content = entry.type == '0' || entry.type == '\0' || entry.type == '7';
  if (!make_directories(parent_of(path))) return false;
  struct stat status;
  if (entry.type == '5') {
    if ((stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) && mkdir(path, 0755) != 0)
      return false;
  } else {
    if (lstat(path, &status) == 0 && unlink(path) != 0) return false;
    if (has_content) return write_file(entry, path);
    Line target;  // of a hard link: a name in the archive
    target.add(root_).add("/").add(entry.link);
    const mode_t kind = entry.type == '3' ? S_IFCHR : entry.type == '4' ? S_IFBLK : S_IFIFO;
    switch (entry.type) {
      case '1':
        return link(target.string(), path) == 0;
      case '2':
        return symlink(entry.link, path) == 0 &&
               lchown(path, static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid)) == 0;
      case '3':
      case '4':
      case '6':
        if (mknod(path, kind | 0600, entry.device) != 0) return false;
        break;
      default:
        errno = EOPNOTSUPP;
        return false;
    }
  }
  return chown(path, static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid)) == 0 &&
         chmod(path, entry.mode) == 0;
}

bool Unpacker::write_file(const Entry& entry, const char* path) {
  const int fd = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  char buffer[16 * kTarBlock];
  bool good = true;
  for (uint64_t left = entry.size; good && left > 0;) {
    const size_t piece = left < sizeof buffer ? static_cast<size_t>(left) : sizeof buffer;
    // The last block is padded.
    good = read_all(buffer, (piece + kTarBlock - 1) / kTarBlock * kTarBlock) &&
           write_all(fd, buffer, piece);
    left -= piece;
  }
  const timespec times[2] = {{0, UTIME_NOW}, {static_cast<time_t>(entry.mtime), 0}};
  good = good && fchown(fd, static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid)) == 0 &&
         fchmod(fd, entry.mode) == 0 && futimens(fd, times) == 0;
  const int error = errno;
  close(fd);
  errno = error;
  return good;
}

}  // namespace

void unpack_tar(int from, const char* path, CopyResult& result) {
  struct stat status;
  const bool there = stat(path, &status) == 0;
  if (!there || !S_ISDIR(status.st_mode)) {
    result.error = there ? ENOTDIR : errno;
    result.message.add("can't copy into ").add(path);
    return;
  }
  Unpacker(from, path, result).run();
}

}  // namespace bothy::init
