#include "guest/embed/config_writer.h"

#include <array>
#include <limits>

namespace bothy::guest {

ConfigWriter ConfigWriter::configuration() {
  ConfigWriter writer;
  writer.add(agent::kVersionKey, agent::kVersion);
  return writer;
}

ConfigWriter& ConfigWriter::add(agent::Key key) {
  return add(key, std::string_view());
}

ConfigWriter& ConfigWriter::add(agent::Key key, std::string_view value) {
  const agent::Record record{key, 0, static_cast<std::uint32_t>(value.size())};
  std::array<char, sizeof record> header{};
  std::memcpy(header.data(), &record, sizeof record);
  bytes_.append(header.data(), header.size());
  bytes_.append(value);
  return *this;
}

ConfigWriter& ConfigWriter::add_strings(agent::Key key,
                                        std::initializer_list<std::string_view> values) {
  std::string joined;
  for (const std::string_view& value : values) {
    if (&value != values.begin()) joined.push_back('\0');
    joined.append(value);
  }
  return add(key, std::string_view(joined));
}

ConfigWriter& ConfigWriter::add_terminal(std::uint16_t columns, std::uint16_t rows) {
  return add(agent::kTerminal, std::array<std::uint16_t, 2>{columns, rows});
}

ConfigWriter& ConfigWriter::add_process(const ConfigWriter& process) {
  return add(agent::kProcess, process.bytes());
}

}  // namespace bothy::guest
