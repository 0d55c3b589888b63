#include "cli/boot/devices/fs.h"

#include <boost/json/object.hpp>
#include <utility>

#include "cli/boot/key_values.h"

namespace bothy {
namespace {

constexpr std::string_view kForm = "it needs a tag and a directory: --fs TAG=DIR[,ro]";

Error complain() {
  return make_error(ErrorCode::kInvalid, "--fs: {}", kForm);
}

}  // namespace

Result<virtio::FsConfig> parse_share(std::string_view text) {
  virtio::FsConfig share;
  // The tag is no key that could be known: it is taken off first.
  const bool keys_alone = text.starts_with("tag=") && text.find("directory=") != text.npos;
  if (!keys_alone) {
    const std::size_t end = text.find('=');
    if (end == text.npos || end + 1 == text.size()) {
      return complain();
    }
    share.tag = text.substr(0, end);
    text.remove_prefix(end + 1);
  }
  BOTHY_TRY(KeyValues values, KeyValues::parse("--fs", text, keys_alone ? "" : "directory"));
  if (keys_alone) {
    BOTHY_TRY(auto tag, values.take_value("tag"));
    share.tag = std::move(tag).value_or("");
  }
  BOTHY_TRY(auto directory, values.take_value("directory"));
  if (!directory) {
    return complain();
  }
  share.directory.path = std::move(*directory);
  BOTHY_TRY(share.directory.read_only, values.take_switch("ro"));
  BOTHY_TRY(values.finish());
  BOTHY_TRY(virtio::validate(share));
  return share;
}

std::vector<virtio::FsConfig> parse_shares(const std::vector<std::string>& texts) {
  std::vector<virtio::FsConfig> shares;
  shares.reserve(texts.size());
  for (const std::string& text : texts) {
    shares.push_back(parse_share(text).value());
  }
  return shares;
}

boost::json::array describe(const std::vector<virtio::FsConfig>& shares) {
  boost::json::array array;
  for (const virtio::FsConfig& share : shares) {
    array.push_back(boost::json::object{{"tag", share.tag},
                                        {"directory", share.directory.path},
                                        {"ro", share.directory.read_only}});
  }
  return array;
}

}  // namespace bothy
