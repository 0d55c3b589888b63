// Where `bothy cp` copies what to, by the rules that Docker and Podman have. Paths and facts only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace bothy::run {

// One of cp's two words: "INSTANCE:PATH", "PATH", or "-".
struct CopyEnd {
  std::string instance;  // empty: of the host
  std::string path;      // of an instance: absolute

  [[nodiscard]] bool is_stream() const noexcept { return instance.empty() && path == "-"; }
};
// A path of the host with a colon in it begins with "/" or ".". kInvalid for an instance with no
// path, and for no words at all.
[[nodiscard]] Result<CopyEnd> parse_copy_end(std::string_view text);

// What is at a destination, links followed.
enum class Found { kNothing, kDirectory, kOther };

// A directory that is there, and the name of what is copied in it; an empty name: all that the
// source directory holds goes right into it.
struct CopyTarget {
  std::string directory;
  std::string name;
};
// `source` and `destination` as they were asked for, but for a destination that is there: its path
// without links. kInvalid for a directory that would replace a file, kNotFound for a file whose
// directory isn't there.
[[nodiscard]] Result<CopyTarget> plan_copy(std::string_view source, bool source_is_directory,
                                           std::string_view destination, Found found);

}  // namespace bothy::run
