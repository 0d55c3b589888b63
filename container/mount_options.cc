#include "container/mount_options.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "base/files.h"

namespace bothy::container {
namespace {

// Options that set or clear an attribute of a mount. Each has a recursive form with an 'r' before
// it: "rro".
struct Attribute {
  enum class Effect : std::uint8_t {
    kSet,
    kClear,
    kAccessTime,     // chooses the kind of access times
    kNotAccessTime,  // back to the kernel's default, if it was that kind
  };
  std::string_view name;
  Effect effect;
  std::uint64_t flag;
};

constexpr std::array<Attribute, 18> kAttributes{{
    {"ro", Attribute::Effect::kSet, MOUNT_ATTR_RDONLY},
    {"rw", Attribute::Effect::kClear, MOUNT_ATTR_RDONLY},
    {"nosuid", Attribute::Effect::kSet, MOUNT_ATTR_NOSUID},
    {"suid", Attribute::Effect::kClear, MOUNT_ATTR_NOSUID},
    {"nodev", Attribute::Effect::kSet, MOUNT_ATTR_NODEV},
    {"dev", Attribute::Effect::kClear, MOUNT_ATTR_NODEV},
    {"noexec", Attribute::Effect::kSet, MOUNT_ATTR_NOEXEC},
    {"exec", Attribute::Effect::kClear, MOUNT_ATTR_NOEXEC},
    {"nosymfollow", Attribute::Effect::kSet, MOUNT_ATTR_NOSYMFOLLOW},
    {"symfollow", Attribute::Effect::kClear, MOUNT_ATTR_NOSYMFOLLOW},
    {"nodiratime", Attribute::Effect::kSet, MOUNT_ATTR_NODIRATIME},
    {"diratime", Attribute::Effect::kClear, MOUNT_ATTR_NODIRATIME},
    {"noatime", Attribute::Effect::kAccessTime, MOUNT_ATTR_NOATIME},
    {"atime", Attribute::Effect::kNotAccessTime, MOUNT_ATTR_NOATIME},
    {"relatime", Attribute::Effect::kAccessTime, MOUNT_ATTR_RELATIME},
    {"norelatime", Attribute::Effect::kNotAccessTime, MOUNT_ATTR_RELATIME},
    {"strictatime", Attribute::Effect::kAccessTime, MOUNT_ATTR_STRICTATIME},
    {"nostrictatime", Attribute::Effect::kNotAccessTime, MOUNT_ATTR_STRICTATIME},
}};

// With an 'r' before it: of all mounts below as well.
struct Propagation {
  std::string_view name;
  unsigned long flag;
};

constexpr std::array<Propagation, 4> kPropagations{{
    {"shared", MS_SHARED},
    {"slave", MS_SLAVE},
    {"private", MS_PRIVATE},
    {"unbindable", MS_UNBINDABLE},
}};

struct Switch {
  std::string_view name;
  bool MountOptions::*member;
};

constexpr std::array<Switch, 6> kSwitches{{
    {"bind", &MountOptions::bind},
    {"rbind", &MountOptions::recursive_bind},
    {"remount", &MountOptions::remount},
    {"idmap", &MountOptions::idmap},
    {"ridmap", &MountOptions::recursive_idmap},
    {"tmpcopyup", &MountOptions::copy_up},
}};

// fsconfig(2) has these flags for every file system. They mean nothing to a bind mount.
constexpr std::array<std::string_view, 7> kSuperblockFlags{
    "sync", "async", "dirsync", "lazytime", "nolazytime", "mand", "nomand"};

// fsconfig(2) doesn't have the last four, which change messages and a counter for NFS.
constexpr std::array<std::string_view, 5> kWithoutEffect{"defaults", "silent", "loud", "iversion",
                                                         "noiversion"};

template <class Table>
const typename Table::value_type* find(const Table& table, std::string_view name) {
  const auto* const found = std::ranges::find(table, name, &Table::value_type::name);
  return found == table.end() ? nullptr : found;
}

// mount_setattr(2): a kind of access times is set with the whole of MOUNT_ATTR__ATIME cleared.
void apply(const Attribute& attribute, std::uint64_t& set, std::uint64_t& clear) {
  switch (attribute.effect) {
    case Attribute::Effect::kSet:
      set |= attribute.flag;
      clear &= ~attribute.flag;
      break;
    case Attribute::Effect::kClear:
      set &= ~attribute.flag;
      clear |= attribute.flag;
      break;
    case Attribute::Effect::kAccessTime:
      set = (set & ~std::uint64_t{MOUNT_ATTR__ATIME}) | attribute.flag;
      clear |= MOUNT_ATTR__ATIME;
      break;
    case Attribute::Effect::kNotAccessTime:
      if ((set & MOUNT_ATTR__ATIME) == attribute.flag) {
        set &= ~std::uint64_t{MOUNT_ATTR__ATIME};
      }
      clear |= MOUNT_ATTR__ATIME;
      break;
  }
}

bool apply_attribute(std::string_view word, MountOptions& options) {
  if (const Attribute* attribute = find(kAttributes, word)) {
    apply(*attribute, options.set, options.clear);
    options.read_only_super = (options.set & MOUNT_ATTR_RDONLY) != 0;
    return true;
  }
  const Attribute* attribute = word.starts_with('r') ? find(kAttributes, word.substr(1)) : nullptr;
  if (attribute == nullptr) {
    return false;
  }
  apply(*attribute, options.recursive_set, options.recursive_clear);
  return true;
}

bool apply_propagation(std::string_view word, MountOptions& options) {
  if (const Propagation* propagation = find(kPropagations, word)) {
    options.propagation.push_back(propagation->flag);
    return true;
  }
  const Propagation* propagation =
      word.starts_with('r') ? find(kPropagations, word.substr(1)) : nullptr;
  if (propagation == nullptr) {
    return false;
  }
  options.propagation.push_back(propagation->flag | MS_REC);
  return true;
}

bool apply_switch(std::string_view word, MountOptions& options) {
  const Switch* found = find(kSwitches, word);
  if (found != nullptr) {
    options.*(found->member) = true;
  }
  return found != nullptr;
}

template <class Names>
bool contains(const Names& names, std::string_view word) {
  return std::ranges::find(names, word) != names.end();
}

// mount(8): a value in double quotes may have commas in it, as SELinux contexts do; the quotes
// aren't part of it.
std::pair<std::string, std::string> parse_parameter(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) {
    return {std::string(word), std::string()};
  }
  std::string_view value = word.substr(equals + 1);
  if (value.size() >= 2 && value.starts_with('"') && value.ends_with('"')) {
    value = value.substr(1, value.size() - 2);
  }
  return {std::string(word.substr(0, equals)), std::string(value)};
}

Result<void> apply_word(std::string_view word, MountOptions& options) {
  if (word.empty()) {
    return make_error(ErrorCode::kInvalid, "an empty mount option");
  }
  if (apply_attribute(word, options) || apply_propagation(word, options) ||
      apply_switch(word, options) || contains(kWithoutEffect, word)) {
    return success();
  }
  auto parameter = parse_parameter(word);
  const bool is_mapping = parameter.first == "idmap" || parameter.first == "ridmap";
  if (parameter.first.empty() || is_mapping) {
    return make_error(ErrorCode::kInvalid, "invalid mount option '{}'{}", printable(word),
                      is_mapping ? ": expected uidMappings and gidMappings of the mount" : "");
  }
  options.parameters.push_back(std::move(parameter));
  return success();
}

// The end of the word that begins `text`.
Result<std::size_t> word_end(std::string_view text) {
  bool quoted = false;
  std::size_t end = 0;
  for (; end < text.size() && (quoted || text[end] != ','); ++end) {
    quoted ^= text[end] == '"';
  }
  if (quoted) {
    return make_error(ErrorCode::kInvalid, "a quote without its end in mount option '{}'",
                      printable(text));
  }
  return end;
}

Result<void> apply_words(std::string_view text, MountOptions& options) {
  if (text.find('\0') != std::string_view::npos) {
    return make_error(ErrorCode::kInvalid, "a NUL in mount option '{}'", printable(text));
  }
  for (;;) {
    BOTHY_TRY(const std::size_t end, word_end(text));
    BOTHY_TRY(apply_word(text.substr(0, end), options));
    if (end == text.size()) {
      return success();
    }
    text.remove_prefix(end + 1);
  }
}

}  // namespace

Result<MountOptions> parse_mount_options(const std::vector<std::string>& options) {
  MountOptions parsed;
  for (const std::string& text : options) {
    BOTHY_TRY(apply_words(text, parsed));
  }
  if (parsed.idmap && parsed.recursive_idmap) {
    return make_error(ErrorCode::kInvalid, "mount options 'idmap' and 'ridmap' contradict");
  }
  // The kernel would ignore it: a misspelt "nosuid" must not go unnoticed.
  const auto foreign = std::ranges::find_if(parsed.parameters, [](const auto& parameter) {
    return !contains(kSuperblockFlags, parameter.first);
  });
  if (parsed.is_bind() && foreign != parsed.parameters.end()) {
    return make_error(ErrorCode::kInvalid, "'{}' isn't an option of a bind mount",
                      printable(foreign->first));
  }
  return parsed;
}

std::vector<std::string> mount_option_names() {
  std::vector<std::string> names(kWithoutEffect.begin(), kWithoutEffect.end());
  names.insert(names.end(), kSuperblockFlags.begin(), kSuperblockFlags.end());
  const auto add_with_recursive = [&names](std::string_view name) {
    names.emplace_back(name);
    names.push_back("r" + std::string(name));
  };
  for (const Attribute& each : kAttributes) {
    add_with_recursive(each.name);
  }
  for (const Propagation& each : kPropagations) {
    add_with_recursive(each.name);
  }
  for (const Switch& each : kSwitches) {
    names.emplace_back(each.name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace bothy::container
