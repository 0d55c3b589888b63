#include "guest/init/config.h"

#include <stdlib.h>

namespace bothy::init {

using namespace agent;

bool Records::next(uint16_t& key, Text& value) {
  Record record;
  if (rest_.size == 0 || !sound_) return false;
  if (rest_.size < sizeof record) {
    sound_ = false;
    return false;
  }
  memcpy(&record, rest_.data, sizeof record);
  if (record.length > rest_.size - sizeof record || record.reserved != 0) {
    sound_ = false;
    return false;
  }
  key = record.key;
  value = Text(rest_.data + sizeof record, record.length);
  rest_.data += sizeof record + record.length;
  rest_.size -= sizeof record + record.length;
  return true;
}

ProcessSpec::~ProcessSpec() {
  free(memory_);
}

// One block holds the pointers, the limits and the strings, counted first.
bool ProcessSpec::parse(Text records) {
  size_t argument_slots = 1, variable_slots = 2, group_slots = 0, limit_slots = 0, characters = 0;
  Records count(records);
  uint16_t key = 0;
  Text value;
  while (count.next(key, value)) {
    argument_slots += key == kArgument ? 1 : 0;
    variable_slots += key == kEnvironment ? 1 : 0;
    group_slots += key == kGroup ? 1 : 0;
    limit_slots += key == kRlimit ? 1 : 0;
    characters += value.size + 1;
  }
  if (!count.sound() || argument_slots < 2) return false;
  const size_t pointers = argument_slots + variable_slots + group_slots;
  memory_ = calloc(1, pointers * sizeof(char*) + limit_slots * sizeof(Limit) + characters);
  if (memory_ == nullptr) return false;
  arguments = static_cast<char**>(memory_);
  environment = arguments + argument_slots;
  groups = environment + variable_slots;
  limits = reinterpret_cast<Limit*>(groups + group_slots);
  strings_ = reinterpret_cast<char*>(limits + limit_slots);

  Records walk(records);
  while (walk.next(key, value)) {
    if (!take(key, value)) return false;
  }
  return true;
}

// parse() has counted the room for all strings.
char* ProcessSpec::keep(Text text) {
  char* kept = strings_;
  if (text.size > 0) memcpy(kept, text.data, text.size);
  strings_ += text.size + 1;  // calloc() has put the zero byte there
  return kept;
}

bool ProcessSpec::take(uint16_t key, Text value) {
  const bool string =
      key == kArgument || key == kEnvironment || key == kDirectory || key == kUser || key == kGroup;
  if (string && value.has('\0')) return false;
  switch (key) {
    case kArgument:
      arguments[argument_count_++] = keep(value);
      return true;
    case kEnvironment:
      environment[environment_count++] = keep(value);
      return true;
    case kDirectory:
      directory = keep(value);
      return true;
    case kUser:
      user = keep(value);
      return true;
    case kGroup:
      groups[group_count++] = keep(value);
      return true;
    case kTerminal: {
      uint16_t size[2];
      if (!take_value(value, size)) return false;
      terminal = true;
      columns = size[0];
      rows = size[1];
      return true;
    }
    case kInput:
      input = true;
      return true;
    case kRlimit: {
      RlimitValue wire;
      if (!take_value(value, wire)) return false;
      limits[limit_count++] = {static_cast<int>(wire.resource), {wire.soft, wire.hard}};
      return true;
    }
    case kToken:
      return take_value(value, token);
    case kReap:  // PID 1 reaps orphans anyway
      return true;
    default:
      return false;
  }
}

const char* ProcessSpec::variable(Text name) const {
  for (size_t i = 0; i < environment_count; ++i) {
    const Text entry(environment[i]);
    if (entry.starts_with(name) && entry.size > name.size && entry.data[name.size] == '=')
      return entry.data + name.size + 1;
  }
  return nullptr;
}

bool Config::parse(Text all) {
  records = all;
  Records walk(all);
  uint16_t key = 0;
  Text value;
  uint32_t version = 0;
  if (!walk.next(key, value) || key != kVersionKey || !take_value(value, version) ||
      version != kVersion)
    return false;
  bool good = true;
  while (good && walk.next(key, value)) {
    switch (key) {
      case kRootDevice:
        root_device = value;
        break;
      case kRootTag:
        root_tag = value;
        break;
      case kScratchDevice:
        scratch_device = value;
        break;
      case kScratchSize:
        good = take_value(value, scratch_size);
        break;
      case kReadOnly:
        read_only = true;
        break;
      case kWatchPorts:
        watch_ports = true;
        break;
      case kHostname:
        hostname = value;
        break;
      case kProcess:
        process = value;
        break;
      case kShutdownGrace:
        good = take_value(value, shutdown_grace_ms);
        break;
      case kModule:
      case kInterface:
      case kNetlink:
      case kSysctl:
      case kFile:
      case kMount:
      case kSeed:
      case kProcessLimit:
        break;  // read by for_each()
      default:
        good = false;
    }
  }
  return good && walk.sound();
}

}  // namespace bothy::init
