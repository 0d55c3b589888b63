// Index, manifest and config of any bytes: what is read can be written and read again.
#include <string_view>

#include "image/store/documents.h"
#include "tests/fuzz/fuzz.h"

namespace {

using bothy::fuzz::check;

template <class Document>
void round_trip(std::string_view text) {
  const auto read = Document::parse(text);
  if (!read) {
    check(!read.error().context.empty());
    check(read.error().context.find('\n') == std::string::npos);
    return;
  }
  const std::string written = read.value().json();
  const auto again = Document::parse(written);
  check(again.has_value());
  check(again.value().json() == written);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  round_trip<bothy::image::Index>(text);
  round_trip<bothy::image::Manifest>(text);
  round_trip<bothy::image::ImageConfig>(text);
  return 0;
}
