#include "devices/host/console/escape_filter.h"

namespace bothy {
namespace {

constexpr char kPrefix = '\x01';

}  // namespace

EscapeFilter::Action EscapeFilter::filter(std::span<const std::byte> input, std::string& out) {
  Action action = Action::kNone;
  for (const std::byte byte : input) {
    const char c = static_cast<char>(byte);
    if (!prefixed_) {
      if (c == kPrefix) {
        prefixed_ = true;
      } else {
        out += c;
      }
      continue;
    }
    prefixed_ = false;
    switch (c) {
      case 'x':
      case 'X':
        return Action::kQuit;
      case 'h':
      case '?':
        action = Action::kHelp;
        break;
      case 'a':
      case kPrefix:
        out += kPrefix;
        break;
      default:
        out += kPrefix;
        out += c;
    }
  }
  return action;
}

}  // namespace bothy
