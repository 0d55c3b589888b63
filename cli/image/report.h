// The output of bothy image.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "image/store/store.h"

namespace bothy {

struct ListedImage {
  image::Image image;
  image::ImageDetails details;
  bool has_disk = false;  // built already
};

// "734 kB", "1.2 GB": decimal units, as in Docker.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

// A line for each image and name, under headings.
[[nodiscard]] std::string list_text(const std::vector<ListedImage>& images);
[[nodiscard]] boost::json::value list_json(const std::vector<ListedImage>& images);

[[nodiscard]] std::string inspect_text(const ListedImage& image, const std::string& disk);
[[nodiscard]] boost::json::value inspect_json(const ListedImage& image, const std::string& disk);

}  // namespace bothy
