#include "base/subordinate_ids.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>

#include "base/files.h"
#include "base/find_program.h"

namespace bothy {
namespace {

constexpr std::uint64_t kMaxFile = 1U << 20U;
// Lines of a uid_map (user_namespaces(7)), one of them for the user.
constexpr std::size_t kMaxRanges = 339;

std::optional<std::uint32_t> number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

// The parts of a line between colons; none when it has another number of them.
template <std::size_t kParts>
std::optional<std::array<std::string_view, kParts>> split_line(std::string_view line) {
  std::array<std::string_view, kParts> parts;
  for (std::size_t i = 0; i < kParts; ++i) {
    const std::size_t colon = line.find(':');
    if ((colon == std::string_view::npos) != (i + 1 == kParts)) {
      return std::nullopt;
    }
    parts[i] = line.substr(0, colon);
    line.remove_prefix(std::min(parts[i].size() + 1, line.size()));
  }
  return parts;
}

template <class Handler>
void for_each_line(std::string_view text, const Handler& handler) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    handler(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::string content_of(const char* path) {
  auto text = read_file(path, kMaxFile);
  return text ? std::move(text).value() : std::string();
}

// By passwd(5). The user of another source of names is what the environment says: newuidmap(1)
// checks it.
std::string name_of(std::uint32_t user) {
  std::string name;
  for_each_line(content_of("/etc/passwd"), [&](std::string_view line) {
    const auto parts = split_line<7>(line);
    if (name.empty() && parts && number((*parts)[2]) == user) {
      name = (*parts)[0];
    }
  });
  const char* variable = std::getenv("USER");
  return name.empty() && variable != nullptr ? variable : name;
}

bool is_installed(std::string_view program) {
  return find_program(program, path_variable(), {"/usr/bin", "/bin"}).has_value();
}

std::vector<IdMapping> root_mapping(std::uint32_t own, const std::vector<IdRange>& ranges) {
  std::vector<IdMapping> mappings{{0, own, 1}};
  std::uint32_t next = 1;
  for (const IdRange& range : ranges) {
    mappings.push_back({next, range.start, range.size});
    next += range.size;
  }
  return mappings;
}

// The namespace's id `own` is left out of the sequence of subordinate ids.
std::vector<IdMapping> same_id_mapping(std::uint32_t own, const std::vector<IdRange>& ranges) {
  std::vector<IdMapping> mappings{{own, own, 1}};
  std::uint32_t next = 0;
  for (IdRange range : ranges) {
    const std::uint32_t below = next < own ? std::min(own - next, range.size) : 0;
    if (below > 0) {
      mappings.push_back({next, range.start, below});
      next += below;
      range = {range.start + below, range.size - below};
    }
    next += next == own ? 1 : 0;
    if (range.size > 0) {
      mappings.push_back({next, range.start, range.size});
      next += range.size;
    }
  }
  return mappings;
}

}  // namespace

std::vector<IdRange> parse_subordinate_ids(std::string_view text, std::string_view name,
                                           std::uint32_t id) {
  std::vector<IdRange> ranges;
  std::uint32_t total = 0;
  for_each_line(text, [&](std::string_view line) {
    const auto parts = split_line<3>(line);
    if (!parts || (!name.empty() && (*parts)[0] != name && number((*parts)[0]) != id)) {
      return;
    }
    const auto start = number((*parts)[1]);
    const auto size = number((*parts)[2]);
    constexpr std::uint32_t kLast = std::numeric_limits<std::uint32_t>::max() - 1;
    // The ids of the namespace have to fit as well: the ranges, and one more.
    if (start && size && *size > 0 && *size < kLast && *start <= kLast - *size &&
        total < kLast - *size && ranges.size() < kMaxRanges) {
      ranges.push_back({*start, *size});
      total += name.empty() ? 0 : *size;
    }
  });
  return ranges;
}

UserIdRanges UserIdRanges::find() {
  UserIdRanges found;
  found.user = ::geteuid();
  found.group = ::getegid();
  const std::string name = name_of(found.user);
  if (name.empty() || !is_installed("newuidmap") || !is_installed("newgidmap")) {
    return found;
  }
  found.users = parse_subordinate_ids(content_of("/etc/subuid"), name, found.user);
  found.groups = parse_subordinate_ids(content_of("/etc/subgid"), name, found.user);
  if (found.users.empty() || found.groups.empty()) {
    found.users.clear();
    found.groups.clear();
  }
  return found;
}

IdMappings UserIdRanges::root_mappings() const {
  return {root_mapping(user, users), root_mapping(group, groups)};
}

IdMappings UserIdRanges::same_id_mappings() const {
  return {same_id_mapping(user, users), same_id_mapping(group, groups)};
}

std::vector<IdRange> all_subordinate_ids() {
  std::vector<IdRange> all = parse_subordinate_ids(content_of("/etc/subuid"), {}, 0);
  const std::vector<IdRange> groups = parse_subordinate_ids(content_of("/etc/subgid"), {}, 0);
  all.insert(all.end(), groups.begin(), groups.end());
  return all;
}

}  // namespace bothy
