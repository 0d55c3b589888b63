#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/probe/probe.h"

namespace bothy::probe {

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

bool say(const char* format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  const int wanted = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  const size_t length = wanted < 0                                  ? 0
                        : static_cast<size_t>(wanted) < sizeof line ? static_cast<size_t>(wanted)
                                                                    : sizeof line - 1;
  for (size_t written = 0; written < length;) {
    const ssize_t count = write(STDOUT_FILENO, line + written, length - written);
    if (count < 0 && errno != EINTR) {
      return false;
    }
    written += count > 0 ? static_cast<size_t>(count) : 0;
  }
  return true;
}

int fail(const char* what) {
  say("failed: %s: %s\n", what, strerror(errno));
  return kFailure;
}

long to_count(const char* text) {
  char* end = nullptr;
  const long count = strtol(text, &end, 10);
  return end != text && *end == '\0' && count > 0 ? count : 0;
}

int dispatch(int argc, char** argv) {
  const char* verb = argc > 1 ? argv[1] : "";
  const auto is = [&](const char* name, int arguments) {
    return strcmp(verb, name) == 0 && argc == 2 + arguments;
  };
  if (is("first", 0)) return first();
  if (is("exit", 0)) return 0;
  if (is("serve", 1)) return serve(argv[2]);
  if (is("idle", 1)) return idle(argv[2]);
  if (is("work", 0)) return work();
  if (is("await", 0)) return await();
  if (is("inside", 3)) return inside(argv[2], argv[3], argv[4]);
  if (is("storage", 5)) return storage(argv[2], argv[3], argv[4], argv[5], argv[6]);
  if (is("answer", 1)) return answer(argv[2]);
  if (is("network", 4)) return network(argv[2], argv[3], argv[4], argv[5]);
  if (is("escape", 1)) return escape(argv[2]);
  if (is("sentinel", 1)) return sentinel(argv[2]);
  if (is("hog", 2)) return hog(argv[2], argv[3]);
  if (is("victim", 2)) return victim(argv[2], argv[3]);
  if (is("facts", 0)) return facts();
  if (strcmp(verb, "exec") == 0 && argc > 2) return run_own(argv + 2);
  if (strcmp(verb, "guest") == 0) return guest(argc, argv);
  say("usage: probe first | serve PORT | idle MIB | work | await | inside NAME[,NAME...] "
      "REPETITIONS\n"
      "  MILLISECONDS | storage NAME[,NAME...] REPETITIONS MILLISECONDS keep|drop DIR | answer "
      "PORT |\n"
      "  network PORT NAME[,NAME...] REPETITIONS MILLISECONDS | escape TOKEN | sentinel TOKEN | "
      "hog NAME MIB | victim REQUESTS "
      "MICROSECONDS |\n"
      "  facts | exec PROGRAM ARGUMENT... | guest ARGUMENT...\n");
  return kUsage;
}

}  // namespace bothy::probe

int main(int argc, char** argv) {
  return bothy::probe::dispatch(argc, argv);
}
