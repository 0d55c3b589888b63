// The target of a `bothy cp`, by Docker's and Podman's rules. Looks at no file.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy::run {

// One of cp's two arguments: "INSTANCE:PATH", "PATH", or "-".
struct CopyEnd {
  std::string instance;  // empty: of the host
  std::string path;      // of an instance: absolute

  [[nodiscard]] bool is_stream() const noexcept { return instance.empty() && path == "-"; }
};
// A path of the host with a colon in it starts with "/" or ".". kInvalid for an instance without a
// path, and for an empty text.
[[nodiscard]] Result<CopyEnd> parse_copy_end(std::string_view text);

// A destination, links followed.
enum class Found { kNothing, kDirectory, kOther };

// An existing directory, and the name of the copy in it. An empty name: the content of the source
// directory goes right into it.
struct CopyTarget {
  std::string directory;
  std::string name;
};
// `source` and `destination` as the user wrote them; an existing destination without links.
// kInvalid for a directory that would replace a file, kNotFound for a file whose directory doesn't
// exist.
[[nodiscard]] Result<CopyTarget> plan_copy(std::string_view source, bool source_is_directory,
                                           std::string_view destination, Found found);

}  // namespace bothy::run
