#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/init/tar.h"
#include "guest/init/tar_format.h"

namespace bothy::init {
namespace {

// Octal digits that end with a zero byte; what doesn't fit is left out, and a pax record has it.
bool put_octal(char* field, size_t size, uint64_t number) {
  for (size_t i = size - 1; i-- > 0; number >>= 3U)
    field[i] = static_cast<char>('0' + (number & 7));
  field[size - 1] = '\0';
  return number == 0;
}

bool put_text(char* field, size_t size, Text text) {
  const bool fits = text.size <= size;
  if (text.size > 0) memcpy(field, text.data, fits ? text.size : size);
  return fits;
}

class Packer {
 public:
  Packer(int to, CopyResult& result) : to_(to), result_(result) {}

  bool run(const char* path, Text name) {
    name_.add(name);
    constexpr char kEnd[2 * kTarBlock] = {};
    return add(AT_FDCWD, path) && send(kEnd, sizeof kEnd);
  }

 private:
  bool fail(int error) {
    result_.error = error;
    result_.message.add("can't copy ").add(name_.text());
    return false;
  }
  bool send(const void* data, size_t size) { return write_all(to_, data, size) || fail(errno); }
  bool pad(uint64_t size) {
    constexpr char kZeroes[kTarBlock] = {};
    const size_t over = size % kTarBlock;
    return over == 0 || send(kZeroes, kTarBlock - over);
  }

  bool add(int directory, const char* entry);
  bool add_children(int directory, const char* entry);
  [[gnu::noinline]] bool add_link(int directory, const char* entry, const struct stat& status);
  [[gnu::noinline]] bool send_header(const struct stat& status, char type, uint64_t size,
                                     Text link);
  bool send_extension(Text records);
  [[gnu::noinline]] bool send_content(int directory, const char* entry, uint64_t size);

  int to_;
  CopyResult& result_;
  Line name_;
};

// "LENGTH KEY=VALUE\n", where LENGTH counts its own digits.
void add_record(Line& records, Text key, Text value) {
  const size_t rest = key.size + value.size + 3;
  size_t digits = 1;
  for (size_t power = 10; power <= rest + digits; power *= 10) ++digits;
  records.add_number(rest + digits).add(" ").add(key).add("=").add(value).add("\n");
}

void add_record(Line& records, Text key, uint64_t value) {
  Line number;
  add_record(records, key, number.add_number(value).text());
}

void finish_header(TarHeader& header) {
  memcpy(header.magic, "ustar\00000", 8);
  put_octal(header.checksum, 7, tar_checksum(header));
  header.checksum[7] = ' ';
}

bool Packer::send_extension(Text records) {
  TarHeader header{};
  put_text(header.name, sizeof header.name, "pax");
  put_octal(header.mode, sizeof header.mode, 0644);
  put_octal(header.uid, sizeof header.uid, 0);
  put_octal(header.gid, sizeof header.gid, 0);
  put_octal(header.size, sizeof header.size, records.size);
  put_octal(header.mtime, sizeof header.mtime, 0);
  header.type = 'x';
  finish_header(header);
  return send(&header, sizeof header) && send(records.data, records.size) && pad(records.size);
}

bool Packer::send_header(const struct stat& status, char type, uint64_t size, Text link) {
  TarHeader header{};
  Line records;
  Line name;
  name.add(name_.text()).add(type == '5' ? "/" : "");
  if (!put_text(header.name, sizeof header.name, name.text()))
    add_record(records, "path", name.text());
  if (!put_text(header.link, sizeof header.link, link)) add_record(records, "linkpath", link);
  if (!put_octal(header.uid, sizeof header.uid, status.st_uid))
    add_record(records, "uid", status.st_uid);
  if (!put_octal(header.gid, sizeof header.gid, status.st_gid))
    add_record(records, "gid", status.st_gid);
  if (!put_octal(header.size, sizeof header.size, size)) add_record(records, "size", size);
  put_octal(header.mode, sizeof header.mode, status.st_mode & 07777);
  const auto mtime = status.st_mtim.tv_sec > 0 ? static_cast<uint64_t>(status.st_mtim.tv_sec) : 0;
  put_octal(header.mtime, sizeof header.mtime, mtime);
  if (type == '3' || type == '4') {
    put_octal(header.major, sizeof header.major, major(status.st_rdev));
    put_octal(header.minor, sizeof header.minor, minor(status.st_rdev));
  }
  header.type = type;
  finish_header(header);
  return (records.text().size == 0 || send_extension(records.text())) &&
         send(&header, sizeof header);
}

// As many bytes as the header said, whatever becomes of the file meanwhile.
bool Packer::send_content(int directory, const char* entry, uint64_t size) {
  const int fd = openat(directory, entry, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(errno);
  char buffer[16 * kTarBlock];
  bool good = true;
  for (uint64_t left = size; good && left > 0;) {
    const size_t piece = left < sizeof buffer ? static_cast<size_t>(left) : sizeof buffer;
    ssize_t got = read(fd, buffer, piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) good = fail(errno);
    if (got == 0) memset(buffer, 0, piece);
    if (got == 0) got = static_cast<ssize_t>(piece);
    good = good && send(buffer, static_cast<size_t>(got));
    left -= good ? static_cast<uint64_t>(got) : 0;
  }
  close(fd);
  return good && pad(size);
}

bool Packer::add_children(int directory, const char* entry) {
  const int fd = openat(directory, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR* children = fd >= 0 ? fdopendir(fd) : nullptr;
  if (children == nullptr) return fail(errno);
  const size_t own = name_.text().size;
  bool good = true;
  while (const dirent* child = good ? readdir(children) : nullptr) {
    const Text child_name(child->d_name);
    if (child_name == "." || child_name == "..") continue;
    name_.add("/").add(child_name);
    good = name_.text().size < PATH_MAX ? add(fd, child->d_name) : fail(ENAMETOOLONG);
    name_.cut_to(own);
  }
  closedir(children);
  return good;
}

bool Packer::add_link(int directory, const char* entry, const struct stat& status) {
  char link[PATH_MAX];
  const ssize_t size = readlinkat(directory, entry, link, sizeof link);
  return size < 0 ? fail(errno) : send_header(status, '2', 0, {link, static_cast<size_t>(size)});
}

// Calls itself by add_children(), once per level: what takes much of the stack is elsewhere.
bool Packer::add(int directory, const char* entry) {
  struct stat status;
  if (fstatat(directory, entry, &status, AT_SYMLINK_NOFOLLOW) != 0) return fail(errno);
  switch (status.st_mode & S_IFMT) {
    case S_IFREG: {
      const auto size = static_cast<uint64_t>(status.st_size);
      return send_header(status, '0', size, {}) && send_content(directory, entry, size);
    }
    case S_IFDIR:
      return send_header(status, '5', 0, {}) && add_children(directory, entry);
    case S_IFLNK:
      return add_link(directory, entry, status);
    case S_IFCHR:
      return send_header(status, '3', 0, {});
    case S_IFBLK:
      return send_header(status, '4', 0, {});
    case S_IFIFO:
      return send_header(status, '6', 0, {});
    default:
      return true;
  }
}

}  // namespace

void pack_tar(int to, const char* path, CopyResult& result) {
  Text name(path);
  while (name.size > 1 && name.data[name.size - 1] == '/') --name.size;
  size_t start = name.size;
  while (start > 0 && name.data[start - 1] != '/') --start;
  name = {name.data + start, name.size - start};
  Packer(to, result).run(path, name.size > 0 ? name : ".");
}

}  // namespace bothy::init
