#include "guest/init/statistics.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest/init/text.h"

namespace bothy::init {
namespace {

constexpr size_t kMaxFile = 1U << 20U;

Text next_word(Text& line) {
  while (line.size > 0 && line.data[0] == ' ') line.cut(' ');
  return line.cut(' ');
}

uint64_t next_number(Text& line) {
  uint64_t number = 0;
  next_word(line).number(number, UINT64_MAX);
  return number;
}

// Removes `word` from the start of the line; false when the line starts with another.
bool take_word(Text& line, Text word) {
  Text rest = line;
  if (!(next_word(rest) == word)) return false;
  line = rest;
  return true;
}

// Clock ticks: user and nice (guest time included), system, interrupts.
void add_cpu(Text line, agent::Statistics& statistics) {
  const uint64_t user = next_number(line), nice = next_number(line), system = next_number(line);
  next_number(line);  // idle
  next_number(line);  // waiting for disks
  const uint64_t interrupts = next_number(line) + next_number(line);
  const auto ticks = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  statistics.cpu_ns = (user + nice + system + interrupts) * (1000000000 / ticks);
}

// Whole disks only: minor numbers of virtio disks are 16 apart.
void add_disk(Text line, agent::Statistics& statistics) {
  constexpr uint64_t kSector = 512;
  next_number(line);
  const bool whole = next_number(line) % 16 == 0;
  const Text name = next_word(line);
  if (!name.starts_with("vd") || !whole) return;
  next_number(line);
  next_number(line);
  statistics.read_bytes += next_number(line) * kSector;
  next_number(line);
  next_number(line);
  next_number(line);
  statistics.written_bytes += next_number(line) * kSector;
}

template <class Use>
void for_each_line(const char* path, Use use) {
  const Text file = read_file(path, kMaxFile);
  for (Text rest = file; rest.size > 0;) use(rest.cut('\n'));
  free(const_cast<char*>(file.data));
}

// Kernel threads don't count: they have no memory, so their size in statm is 0.
uint64_t count_processes() {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return 0;
  uint64_t count = 0;
  while (const dirent* entry = readdir(proc)) {
    uint64_t pid = 0;
    if (!Text(entry->d_name).number(pid, INT32_MAX) || pid == 1) continue;
    Line path;
    path.add("/proc/").add_number(pid).add("/statm");
    for_each_line(path.string(), [&](Text line) { count += next_number(line) > 0 ? 1 : 0; });
  }
  closedir(proc);
  return count;
}

}  // namespace

agent::Statistics statistics() {
  constexpr uint64_t kKib = 1024;
  agent::Statistics result{};
  for_each_line("/proc/stat", [&](Text line) {
    if (take_word(line, "cpu")) add_cpu(line, result);
  });
  for_each_line("/proc/meminfo", [&](Text line) {
    if (take_word(line, "MemTotal:")) result.memory_total = next_number(line) * kKib;
    if (take_word(line, "MemAvailable:")) result.memory_available = next_number(line) * kKib;
  });
  for_each_line("/proc/diskstats", [&](Text line) { add_disk(line, result); });
  result.processes = count_processes();
  return result;
}

}  // namespace bothy::init
