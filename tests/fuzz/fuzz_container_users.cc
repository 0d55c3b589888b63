// A user's name, passwd and group of any bytes, with a NUL between them.
#include <algorithm>
#include <string_view>

#include "container/users.h"
#include "tests/fuzz/fuzz.h"

namespace {

std::string_view take_part(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return part;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using bothy::fuzz::check;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view user = take_part(rest);
  const std::string_view passwd = take_part(rest);
  const auto ids = bothy::container::find_user(user, passwd, rest);
  if (!ids) {
    check(ids.error().code == bothy::ErrorCode::kInvalid);
    check(ids.error().context.find('\n') == std::string::npos);
    return 0;
  }
  constexpr std::uint32_t kNobody = 0xffffffff;
  check(ids.value().user != kNobody && ids.value().group != kNobody);
  check(!ids.value().home.empty() && ids.value().home.find('\0') == std::string::npos);
  check(ids.value().groups.size() <= 256 && ids.value().groups.at(0) == ids.value().group);
  return 0;
}
