#include "image/store/reference.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/files.h"

namespace bothy::image {
namespace {

constexpr std::array<std::string_view, 15> kEndings{
    ".gz",  ".zst", ".xz",   ".bz2",   ".tgz",      ".tar",  ".tzst", ".txz",
    ".img", ".raw", ".ext4", ".erofs", ".squashfs", ".sqfs", ".oci"};
constexpr std::string_view kDefaultDomain = "docker.io";
constexpr std::string_view kOfficial = "library/";
constexpr std::size_t kMaxNameLength = 255;
constexpr std::size_t kMaxTagLength = 128;

bool is_lower(char letter) noexcept {
  return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
}

bool is_alphanumeric(char letter) noexcept {
  return is_lower(letter) || (letter >= 'A' && letter <= 'Z');
}

bool is_word(char letter) noexcept {
  return is_alphanumeric(letter) || letter == '_';
}

// [a-z0-9]+ joined by ".", "_", "__" or dashes.
bool is_component(std::string_view text) noexcept {
  if (text.empty() || !is_lower(text.front()) || !is_lower(text.back())) {
    return false;
  }
  for (std::size_t i = 0; i < text.size();) {
    if (is_lower(text[i])) {
      ++i;
      continue;
    }
    const std::size_t end = std::min(text.find_first_not_of(text[i], i), text.size());
    const std::size_t count = end - i;
    const bool joint =
        text[i] == '-' || (text[i] == '.' && count == 1) || (text[i] == '_' && count <= 2);
    if (!joint || !is_lower(text[end])) {
      return false;
    }
    i = end;
  }
  return true;
}

bool is_path(std::string_view text) noexcept {
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('/', start), text.size());
    if (!is_component(text.substr(start, end - start))) {
      return false;
    }
    start = end + 1;
  }
  return true;
}

// Labels joined by dots, with a port or none; or an IPv6 address in brackets.
bool is_domain(std::string_view text) noexcept {
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && !text.ends_with(']')) {
    const std::string_view port = text.substr(colon + 1);
    if (port.empty() || port.find_first_not_of("0123456789") != std::string_view::npos) {
      return false;
    }
    text = text.substr(0, colon);
  }
  if (text.starts_with('[')) {
    return text.size() > 2 &&
           text.find_first_not_of("0123456789abcdefABCDEF:", 1) == text.size() - 1 &&
           text.ends_with(']');
  }
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('.', start), text.size());
    const std::string_view label = text.substr(start, end - start);
    const auto is_inner = [](char letter) { return letter == '-' || is_alphanumeric(letter); };
    if (label.empty() || !is_alphanumeric(label.front()) || !is_alphanumeric(label.back()) ||
        !std::all_of(label.begin(), label.end(), is_inner)) {
      return false;
    }
    start = end + 1;
  }
  return true;
}

bool is_tag(std::string_view text) noexcept {
  return !text.empty() && text.size() <= kMaxTagLength && is_word(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char letter) { return is_word(letter) || letter == '.' || letter == '-'; });
}

}  // namespace

Result<Reference> Reference::parse(std::string_view text) {
  const auto invalid = [&](std::string_view why) {
    return make_error(ErrorCode::kInvalid, "invalid image name '{}': {}", printable(text), why);
  };
  Reference reference;
  std::string_view rest = text;
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    auto digest = Digest::parse(rest.substr(at + 1));
    if (!digest) {
      return invalid("expected a digest (sha256:...) after '@'");
    }
    reference.digest = digest.value();
    rest = rest.substr(0, at);
  }
  const std::size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && rest.find('/', colon) == std::string_view::npos) {
    reference.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_tag(reference.tag)) {
      return invalid("a tag consists of letters, digits, '_', '.' and '-'");
    }
  } else if (!reference.digest) {
    reference.tag = "latest";
  }
  // The first part is a host when it has a "." or ":", or is "localhost".
  std::string domain(kDefaultDomain);
  const std::size_t slash = rest.find('/');
  const std::string_view first = rest.substr(0, slash);
  if (slash != std::string_view::npos &&
      (first.find_first_of(".:") != std::string_view::npos || first == "localhost")) {
    domain = first == "index.docker.io" ? kDefaultDomain : first;
    rest = rest.substr(slash + 1);
  }
  std::string path(rest);
  if (domain == kDefaultDomain && path.find('/') == std::string::npos) {
    path = std::string(kOfficial) + path;
  }
  if (std::any_of(rest.begin(), rest.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return invalid("names are in lower case");
  }
  if (!is_domain(domain) || !is_path(path) || domain.size() + path.size() >= kMaxNameLength) {
    return invalid("expected NAME[:TAG] or HOST/NAME[:TAG]");
  }
  reference.repository = domain + "/" + path;
  return reference;
}

std::string Reference::full() const {
  return repository + (tag.empty() ? "" : ":" + tag) + (digest ? "@" + digest->text() : "");
}

std::string Reference::familiar() const {
  std::string text = full();
  const std::string hub = std::string(kDefaultDomain) + "/";
  if (text.starts_with(hub + std::string(kOfficial))) {
    return text.substr(hub.size() + kOfficial.size());
  }
  return text.starts_with(hub) ? text.substr(hub.size()) : text;
}

std::string name_from_path(std::string_view path) {
  while (path.ends_with('/')) {
    path.remove_suffix(1);
  }
  const std::size_t slash = path.rfind('/');
  std::string_view base = slash == std::string_view::npos ? path : path.substr(slash + 1);
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view ending : kEndings) {
      if (base.size() > ending.size() && base.ends_with(ending)) {
        base.remove_suffix(ending.size());
        again = true;
      }
    }
  }
  std::string name;
  for (char letter : base) {
    letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
    if (is_lower(letter)) {
      name += letter;
    } else if (!name.empty() && is_lower(name.back())) {
      name += letter == '.' || letter == '_' ? letter : '-';
    }
  }
  while (!name.empty() && !is_lower(name.back())) {
    name.pop_back();
  }
  return name;
}

}  // namespace bothy::image
