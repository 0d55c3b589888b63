#include "facts.h"

#include <linux/utsname.h>

namespace testinit {
namespace {

// Counts the members of a list such as "0-3,5"; 1 when the file is missing.
unsigned long online_cpus() {
  char buffer[512];
  Text list = read_file("/sys/devices/system/cpu/online", buffer).trimmed();
  unsigned long count = 0;
  while (list.size > 0) {
    Text range = list.cut(',');
    const unsigned long first = range.cut('-').number();
    count += range.size > 0 ? range.number() - first + 1 : 1;
  }
  return count > 0 ? count : 1;
}

unsigned long memory_kib() {
  char buffer[512];
  Text file = read_file("/proc/meminfo", buffer);
  while (file.size > 0) {
    const Text line = file.cut('\n');
    const Text name = "MemTotal:";
    if (line.starts_with(name)) return line.without_prefix(name.size).trimmed().number();
  }
  return 0;
}

Text kernel_release(new_utsname& names) {
  if (syscall(__NR_uname, reinterpret_cast<long>(&names)) != 0) return "?";
  return names.release;
}

// Each CPU's package and core as the kernel understood them: "0.0,0.1".
void print_topology(unsigned long cpus) {
  Line line;
  line.add("testinit: topology=");
  for (unsigned long cpu = 0; cpu < cpus; ++cpu) {
    const auto number_of = [cpu](Text file) {
      char path[128];
      Size used = 0;
      const auto append = [&](Text text) {
        for (Size i = 0; i < text.size; ++i) path[used++] = text.data[i];
      };
      append("/sys/devices/system/cpu/cpu");
      if (cpu >= 10) path[used++] = static_cast<char>('0' + cpu / 10 % 10);
      path[used++] = static_cast<char>('0' + cpu % 10);
      append("/topology/");
      append(file);
      path[used] = '\0';
      char buffer[32];
      return read_file(path, buffer).trimmed().number();
    };
    if (cpu > 0) line.add(",");
    line.add(number_of("physical_package_id")).add(".").add(number_of("core_id"));
  }
  line.print();
}

}  // namespace

void print_hello() {
  new_utsname names{};
  const unsigned long cpus = online_cpus();
  Line()
      .add("testinit: hello from Linux ")
      .add(kernel_release(names))
      .add(" on ")
      .add(cpus)
      .add(cpus == 1 ? " CPU, " : " CPUs, ")
      .add(memory_kib() / 1024)
      .add(" MiB")
      .print();
}

void print_facts(Text command_line, __kernel_timespec started) {
  char buffer[128];
  const unsigned long cpus = online_cpus();
  Line().add("testinit: cpus=").add(cpus).print();
  Line()
      .add("testinit: hwrng=")
      .add(read_file("/sys/class/misc/hw_random/rng_current", buffer).trimmed())
      .print();
  Line().add("testinit: memory_kib=").add(memory_kib()).print();
  Line()
      .add("testinit: clocksource=")
      .add(read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", buffer)
               .trimmed())
      .print();
  Line()
      .add("testinit: wallclock=")
      .add(static_cast<unsigned long>(clock(CLOCK_REALTIME).tv_sec))
      .print();
  Line()
      .add("testinit: uptime_ms=")
      .add(static_cast<unsigned long>(started.tv_sec * 1000 + started.tv_nsec / 1000000))
      .print();
  print_topology(cpus);
  Line().add("testinit: cmdline=").add(command_line).print();
}

}  // namespace testinit
