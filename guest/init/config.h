// The configuration of the guest and its processes, parsed from records.
#pragma once

#include <sys/resource.h>

#include "guest/init/text.h"
#include "guest/protocol/agent.h"

namespace bothy::init {

// Iterates over records. A length past the end stops it, and sound() is then false.
class Records {
 public:
  explicit Records(Text bytes) : rest_(bytes) {}
  bool next(uint16_t& key, Text& value);
  [[nodiscard]] bool sound() const { return sound_; }

 private:
  Text rest_;
  bool sound_ = true;
};

struct Limit {
  int resource;
  struct rlimit value;
};

// A process to start. Owns the memory that its members point to.
struct ProcessSpec {
  char** arguments = nullptr;    // at least one, then a null pointer
  char** environment = nullptr;  // then a null pointer; has room for one more entry
  size_t environment_count = 0;
  char** groups = nullptr;
  size_t group_count = 0;
  Limit* limits = nullptr;
  size_t limit_count = 0;
  const char* directory = "/";
  const char* user = "";
  bool terminal = false;
  bool input = false;
  uint64_t token = 0;
  uint16_t columns = 0;
  uint16_t rows = 0;

  ProcessSpec() = default;
  ~ProcessSpec();
  ProcessSpec(const ProcessSpec&) = delete;
  ProcessSpec& operator=(const ProcessSpec&) = delete;

  // False when the records are invalid or there is no memory.
  bool parse(Text records);
  // The value of NAME= in the environment, or null.
  [[nodiscard]] const char* variable(Text name) const;

 private:
  bool take(uint16_t key, Text value);
  char* keep(Text text);

  void* memory_ = nullptr;
  char* strings_ = nullptr;
  size_t argument_count_ = 0;
};

// The guest. Repeated records are not copied: for_each() reads them from `records`.
struct Config {
  Text records;
  Text root_device;
  Text root_tag;
  Text scratch_device;
  Text hostname;
  Text process;
  uint64_t scratch_size = 0;
  uint32_t shutdown_grace_ms = 10000;
  bool read_only = false;
  bool watch_ports = false;

  bool parse(Text all);
  template <class Use>
  void for_each(uint16_t wanted, Use use) const {
    Records walk(records);
    uint16_t key = 0;
    Text value;
    while (walk.next(key, value)) {
      if (key == wanted) use(value);
    }
  }
};

// Copies a value out; false when it doesn't have exactly T's size.
template <class T>
bool take_value(Text from, T& value) {
  if (from.size != sizeof value) return false;
  memcpy(&value, from.data, sizeof value);
  return true;
}

}  // namespace bothy::init
