#include "image/tar/extension.h"

#include <utility>

namespace bothy::image {
namespace {

constexpr std::string_view kLibarchive = "LIBARCHIVE.xattr.";
constexpr std::string_view kSchily = "SCHILY.xattr.";

Error damaged(std::string_view what) {
  return make_error(ErrorCode::kBadInput, "{}", what);
}

}  // namespace

Result<void> TarExtension::set(std::string_view key, std::string_view value) {
  const auto numeric = [&](std::optional<std::uint64_t>& field) -> Result<void> {
    field = parse_decimal(value);
    if (!field) {
      return make_error(ErrorCode::kBadInput,
                        "invalid '{}' in an extended header: expected a number", key);
    }
    return success();
  };
  if (key == "path") {
    // GNU.sparse.name has given a sparse file's name already; `path` is a made-up one.
    path = sparse && path ? path : std::string(value);
  } else if (key == "linkpath") {
    link = value;
  } else if (key == "size") {
    return numeric(size);
  } else if (key == "uid") {
    return numeric(uid);
  } else if (key == "gid") {
    return numeric(gid);
  } else if (key == "mtime") {
    mtime = parse_pax_time(value);
    if (!mtime) {
      return damaged("invalid 'mtime' in an extended header: expected a number");
    }
  } else if (key.starts_with(kSchily)) {
    xattrs[std::string(key.substr(kSchily.size()))] = value;
  } else if (key.starts_with(kLibarchive)) {
    auto decoded = parse_base64(value);
    if (!decoded) {
      return damaged("invalid extended attribute: expected base64");
    }
    encoded_xattrs[decode_percent(key.substr(kLibarchive.size()))] = *std::move(decoded);
  } else if (key.starts_with("GNU.sparse.")) {
    return set_sparse(key.substr(std::string_view("GNU.sparse.").size()), value);
  }
  return success();
}

Result<void> TarExtension::set_sparse(std::string_view key, std::string_view value) {
  sparse = true;
  if (key == "name") {
    path = value;
    return success();
  }
  if (key == "map") {
    while (!value.empty()) {
      const std::size_t comma = value.find(',');
      const auto number = parse_decimal(value.substr(0, comma));
      const bool length = !runs.empty() && runs.back().length == ~0ULL;
      if (!number || runs.size() > kMaxTarRuns) {
        return damaged("invalid sparse map");
      }
      if (length) {
        runs.back().length = *number;
      } else {
        runs.push_back({*number, ~0ULL});
      }
      value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
    }
    return success();
  }
  const auto number = parse_decimal(value);
  if (!number) {
    return damaged("invalid sparse map");
  }
  if (key == "size" || key == "realsize") {
    real_size = number;
  } else if (key == "major") {
    map_in_content = *number == 1;
  } else if (key == "offset") {
    runs.push_back({*number, 0});
  } else if (key == "numbytes" && !runs.empty()) {
    runs.back().length = *number;
  }
  return success();
}

}  // namespace bothy::image
