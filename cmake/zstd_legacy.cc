// Replaces libzstd's decoders of the formats before 0.8 (2016), and refuses each frame in one of
// them. These formats are out of use, and their decoders are 90 KB of code that hostile images
// could reach.
#include <cstddef>

#include <zstd.h>
#include <zstd_errors.h>

namespace {

constexpr std::size_t kRefusal = 0 - std::size_t{ZSTD_error_version_unsupported};
char nothing;  // a decoder without a state

}  // namespace

// NOLINTBEGIN(bugprone-macro-parentheses): names are made of the argument
#define BOTHY_REFUSE(VERSION)                                                                     \
  extern "C" {                                                                                    \
  void* ZBUFF##VERSION##_createDCtx() {                                                           \
    return &nothing;                                                                              \
  }                                                                                               \
  std::size_t ZBUFF##VERSION##_freeDCtx(void*) {                                                  \
    return 0;                                                                                     \
  }                                                                                               \
  std::size_t ZBUFF##VERSION##_decompressInitDictionary(void*, const void*, std::size_t) {        \
    return kRefusal;                                                                              \
  }                                                                                               \
  std::size_t ZBUFF##VERSION##_decompressContinue(void*, void*, std::size_t*, const void*,        \
                                                  std::size_t*) {                                 \
    return kRefusal;                                                                              \
  }                                                                                               \
  void* ZSTD##VERSION##_createDCtx() {                                                            \
    return &nothing;                                                                              \
  }                                                                                               \
  std::size_t ZSTD##VERSION##_freeDCtx(void*) {                                                   \
    return 0;                                                                                     \
  }                                                                                               \
  std::size_t ZSTD##VERSION##_decompress_usingDict(void*, void*, std::size_t, const void*,        \
                                                   std::size_t, const void*, std::size_t) {       \
    return kRefusal;                                                                              \
  }                                                                                               \
  void ZSTD##VERSION##_findFrameSizeInfoLegacy(const void*, std::size_t, std::size_t* compressed, \
                                               unsigned long long* decompressed) {                \
    *compressed = kRefusal;                                                                       \
    *decompressed = ZSTD_CONTENTSIZE_ERROR;                                                       \
  }                                                                                               \
  std::size_t ZSTD##VERSION##_getFrameParams(void*, const void*, std::size_t) {                   \
    return kRefusal;                                                                              \
  }                                                                                               \
  }
// NOLINTEND(bugprone-macro-parentheses)

BOTHY_REFUSE(v05)
BOTHY_REFUSE(v06)
BOTHY_REFUSE(v07)
