// Names of images, as Docker has them: busybox, library/busybox:1.36, ghcr.io/x/y@sha256:...
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/bytes/digest.h"

namespace bothy::image {

struct Reference {
  std::string repository;  // in full: docker.io/library/busybox
  std::string tag;         // "latest" unless said; empty where there is a digest alone
  std::optional<Digest> digest;

  // kInvalid, with the reason, for what is no name.
  [[nodiscard]] static Result<Reference> parse(std::string_view text);

  // What an index holds: docker.io/library/busybox:latest.
  [[nodiscard]] std::string full() const;
  // What people write: busybox:latest.
  [[nodiscard]] std::string familiar() const;
};

// A name for what has none, from a file's: "/x/My Root.tar.gz" -> "my-root"; empty when nothing is
// left.
[[nodiscard]] std::string name_from_path(std::string_view path);

}  // namespace bothy::image
