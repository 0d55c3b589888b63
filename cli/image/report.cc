#include "cli/image/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>
#include <string_view>

#include "base/files.h"
#include "image/store/reference.h"

namespace bothy {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 5> kUnits{"B", "kB", "MB", "GB", "TB"};

std::string shown_name(const std::string& name) {
  const auto reference = image::Reference::parse(name);
  return reference ? reference.value().familiar() : printable(name);
}

// The date without the time.
std::string shown_date(const std::string& created) {
  return created.empty() ? "-" : printable(created.substr(0, 10));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + printable(word);
  }
  return text;
}

json::array names_of(const image::Image& image) {
  json::array names;
  for (const std::string& name : image.names) {
    names.emplace_back(shown_name(name));
  }
  return names;
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, unit > 0 && value < 99.95 ? 1 : 0, kUnits.at(unit));
}

std::string list_text(const std::vector<ListedImage>& images) {
  std::vector<std::array<std::string, 5>> rows{{"NAME", "DIGEST", "CREATED", "PLATFORM", "SIZE"}};
  for (const ListedImage& each : images) {
    std::vector<std::string> names = each.image.names;
    if (names.empty()) {
      names.emplace_back();
    }
    for (const std::string& name : names) {
      rows.push_back({name.empty() ? "<none>" : shown_name(name),
                      each.image.manifest.digest.brief(), shown_date(each.details.config.created),
                      printable(each.details.config.platform.text()),
                      format_bytes(each.details.size())});
    }
  }
  std::array<std::size_t, 5> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths.at(i) = std::max(widths.at(i), row.at(i).size());
    }
  }
  std::string text;
  for (const auto& row : rows) {
    text += text.empty() ? "" : "\n";
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      text += fmt::format("{:<{}}  ", row.at(i), widths.at(i));
    }
    text += row.back();
  }
  return text;
}

json::value list_json(const std::vector<ListedImage>& images) {
  json::array array;
  for (const ListedImage& each : images) {
    array.push_back(json::object{{"names", names_of(each.image)},
                                 {"digest", each.image.manifest.digest.text()},
                                 {"created", each.details.config.created},
                                 {"platform", each.details.config.platform.text()},
                                 {"size", each.details.size()},
                                 {"disk", each.has_disk}});
  }
  return array;
}

std::string inspect_text(const ListedImage& each, const std::string& disk) {
  std::string text;
  const auto line = [&](std::string_view what, const std::string& value) {
    if (!value.empty()) {
      text += fmt::format("{}{:<12}{}", text.empty() ? "" : "\n", what, value);
    }
  };
  for (const std::string& name : each.image.names) {
    line("name", shown_name(name));
  }
  const image::ImageConfig& config = each.details.config;
  line("digest", each.image.manifest.digest.text());
  line("created", printable(config.created));
  line("platform", printable(config.platform.text()));
  line("size", format_bytes(each.details.size()));
  line("entrypoint", joined(config.entrypoint));
  line("command", joined(config.command));
  line("directory", printable(config.working_directory));
  line("user", printable(config.user));
  for (const std::string& variable : config.environment) {
    line("environment", printable(variable));
  }
  line("ports", joined(config.exposed_ports));
  line("volumes", joined(config.volumes));
  for (const auto& [name, value] : config.labels) {
    line("label", printable(name) + "=" + printable(value));
  }
  line("stop signal", printable(config.stop_signal));
  for (const image::Descriptor& layer : each.details.manifest.layers) {
    line(each.details.manifest.is_disk() ? "raw disk" : "layer",
         fmt::format("{} {}", layer.digest.text(), format_bytes(layer.size)));
  }
  line("disk", each.has_disk ? disk : "not built yet");
  return text;
}

json::value inspect_json(const ListedImage& each, const std::string& disk) {
  json::array layers;
  for (const image::Descriptor& layer : each.details.manifest.layers) {
    layers.push_back(json::object{
        {"mediaType", layer.media_type}, {"digest", layer.digest.text()}, {"size", layer.size}});
  }
  json::object object{{"names", names_of(each.image)},
                      {"digest", each.image.manifest.digest.text()},
                      {"size", each.details.size()},
                      {"layers", std::move(layers)},
                      // Unchanged, including members that bothy doesn't know.
                      {"config", json::parse(each.details.config_json)}};
  object["disk"] = each.has_disk ? json::value(disk) : json::value(nullptr);
  return object;
}

}  // namespace bothy
