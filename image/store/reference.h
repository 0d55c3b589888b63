// Reference: an image name in Docker's syntax: busybox, library/busybox:1.36,
// ghcr.io/x/y@sha256:...
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/bytes/digest.h"

namespace bothy::image {

struct Reference {
  std::string repository;  // in full: docker.io/library/busybox
  std::string tag;         // "latest" by default; empty when there is a digest only
  std::optional<Digest> digest;

  // kInvalid, with the reason, for an invalid name.
  [[nodiscard]] static Result<Reference> parse(std::string_view text);

  // The form in an index: docker.io/library/busybox:latest.
  [[nodiscard]] std::string full() const;
  // The short form that users write: busybox:latest.
  [[nodiscard]] std::string familiar() const;
};

// An image name derived from a path: "/x/My Root.tar.gz" -> "my-root"; empty when nothing is left.
[[nodiscard]] std::string name_from_path(std::string_view path);

}  // namespace bothy::image
