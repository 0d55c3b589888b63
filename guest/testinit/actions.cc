#include "actions.h"

namespace testinit {
namespace {

[[noreturn]] void hang() {
  for (;;) sleep_ms(1000UL * 3600);
}

[[noreturn]] void spin() {
  for (;;) asm volatile("" : : : "memory");
}

[[noreturn]] void power_off() {
  reboot(LINUX_REBOOT_CMD_POWER_OFF);
  hang();
}

[[noreturn]] void restart() {
  reboot(LINUX_REBOOT_CMD_RESTART);
  hang();
}

void write_file(const char* path, Text text) {
  const int fd = open(path, kWriteOnly);
  if (fd < 0) return;
  write(fd, text.data, text.size);
  close(fd);
}

// Through SysRq, or by the end of PID 1, which panics every kernel.
[[noreturn]] void panic() {
  write_file("/proc/sysrq-trigger", "c");
  exit(1);
}

// Makes the kernel reset by a triple fault, where reboot= can be set at run time.
[[noreturn]] void triple_fault() {
  write_file("/sys/kernel/reboot/type", "triple");
  restart();
}

[[noreturn]] void fault() {
  for (;;) asm volatile("movb $0, 0" : : : "memory");
}

[[noreturn]] void echo() {
  say("ready");
  char line[1024];
  Size used = 0;
  for (;;) {
    const long got = read(0, line + used, 1);
    if (got <= 0) {
      say("end of input");
      power_off();
    }
    if (line[used] != '\n' && used < sizeof line - 1) {
      ++used;
      continue;
    }
    const Text text = Text(line, used).trimmed();
    if (text == "quit") power_off();
    Line().add("testinit: echo ").add(text).print();
    used = 0;
  }
}

void flood() {
  char row[64];
  for (Size i = 0; i < sizeof row; ++i) row[i] = static_cast<char>('!' + i);
  row[sizeof row - 1] = '\n';
  for (Size sent = 0; sent < 256UL * 1024; sent += sizeof row) write(1, row, sizeof row);
  say("flood done");
}

}  // namespace

void touch_memory(unsigned long mib) {
  constexpr Size kPage = 4096;
  const Size size = mib << 20;
  auto* memory = static_cast<unsigned char*>(map(size));
  if (memory == nullptr) {
    say("touch failed: no memory");
    return;
  }
  // The address itself is the pattern: two pages on one frame would show.
  for (Size at = 0; at < size; at += kPage) *reinterpret_cast<volatile Size*>(memory + at) = ~at;
  Size wrong = 0;
  for (Size at = 0; at < size; at += kPage)
    wrong += *reinterpret_cast<volatile Size*>(memory + at) != ~at;
  Line().add("testinit: touched_mib=").add(mib).add(" wrong_pages=").add(wrong).print();
  unmap(memory, size);
}

void act(Text action, Text command_line) {
  Line().add("testinit: action=").add(action).print();
  if (action == "reboot") restart();
  if (action == "halt") reboot(LINUX_REBOOT_CMD_HALT);
  if (action == "panic") panic();
  if (action == "triple-fault") triple_fault();
  if (action == "fault") fault();
  if (action == "exit")
    exit(static_cast<int>(word(command_line, "testinit.status=", "0").number()));
  if (action == "hang") hang();
  if (action == "spin") spin();
  if (action == "echo") echo();
  if (action == "serial-flood") flood();
  if (action == "ports") {
    abuse_machine(command_line);
    say("survived ports");
  }
  power_off();
}

}  // namespace testinit
