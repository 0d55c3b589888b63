// What bothy image prints.
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
  bool has_disk = false;  // for machines, made already
};

// "734 kB", "1.2 GB": decimal units, as Docker has them.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

// One line an image and name, under headings.
[[nodiscard]] std::string list_text(const std::vector<ListedImage>& images);
[[nodiscard]] boost::json::value list_json(const std::vector<ListedImage>& images);

[[nodiscard]] std::string inspect_text(const ListedImage& image, const std::string& disk);
[[nodiscard]] boost::json::value inspect_json(const ListedImage& image, const std::string& disk);

}  // namespace bothy
