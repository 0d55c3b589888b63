// What bothy-init is told and reads: its configuration, a process's records, an image's users.
#include <array>
#include <cstring>
#include <vector>

#include "guest/init/config.h"
#include "guest/init/users.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"

namespace {

using namespace bothy::init;
using bothy::fuzz::check;
using bothy::fuzz::Input;

// Exactly as much memory as there are bytes: a look past them shows.
using Bytes = std::vector<char>;

Text text_of(const Bytes& bytes) {
  return {bytes.data(), bytes.size()};
}

// To its end, by pieces of up to 255 bytes each.
Bytes piece(Input& input) {
  Bytes bytes(input.byte());
  input.fill(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

void parse_process(Text records) {
  ProcessSpec process;
  if (!process.parse(records)) {
    return;
  }
  std::size_t characters = 0;
  check(process.arguments[0] != nullptr);
  for (char** argument = process.arguments; *argument != nullptr; ++argument) {
    characters += std::strlen(*argument);
  }
  for (std::size_t i = 0; i < process.environment_count; ++i) {
    characters += std::strlen(process.environment[i]);
  }
  check(process.environment[process.environment_count] == nullptr);
  for (std::size_t i = 0; i < process.group_count; ++i) {
    characters += std::strlen(process.groups[i]);
  }
  characters += std::strlen(process.directory) + std::strlen(process.user);
  check(characters <= records.size + 1);  // "/" is nobody's
  const char* value = process.variable("PATH");
  check(value == nullptr || value[-1] == '=');
}

void parse_config(Text records) {
  Config config;
  if (!config.parse(records)) {
    return;
  }
  std::size_t bytes = 0;
  for (std::uint16_t key = 0; key < 16; ++key) {
    config.for_each(key, [&](Text value) { bytes += value.size; });
  }
  check(bytes <= records.size);
  parse_process(config.process);
}

void find_user(Input& input) {
  const Bytes user = piece(input);
  const Bytes name = piece(input);
  const Bytes passwd = piece(input);
  const Bytes group = piece(input);
  Identity identity;
  const char* wrong = find_identity(text_of(user), text_of(passwd), text_of(group), identity);
  check(wrong == nullptr || *wrong != '\0');
  if (wrong == nullptr) {
    check(identity.group_count > 0 && identity.groups[0] == identity.gid);
    check(identity.uid != static_cast<uid_t>(-1) && identity.gid != static_cast<gid_t>(-1));
  }
  static_cast<void>(add_group(text_of(name), text_of(group), identity));
  check(identity.group_count <= Identity::kMaxGroups);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input({data, size});
  const std::uint8_t what = input.below(3);
  if (what == 2) {
    find_user(input);
    return 0;
  }
  Bytes records(size > 0 ? size - 1 : 0);
  input.fill(std::as_writable_bytes(std::span(records)));
  what == 0 ? parse_config(text_of(records)) : parse_process(text_of(records));
  return 0;
}
