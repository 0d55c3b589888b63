#include <utility>

#include "image/confined/wire.h"
#include "image/import/intake.h"
#include "image/store/reference.h"

namespace bothy::image {
namespace {

// Of what is sent together.
constexpr std::size_t kBuffer = 1U << 18U;
constexpr std::size_t kMaxMediaType = 256;
constexpr std::size_t kMaxImages = 1024;
constexpr std::size_t kMaxNames = 4096;

enum Message : std::uint32_t {
  kWrite = static_cast<std::uint32_t>(LinkMessage::kFirstRequest),
  kZeros,
  kKeep,  // the first request
  kIsStored,
  kFetch,
  kDocument,
  kHead,
};

std::string pack_blob(const Digest& digest, std::uint64_t size) {
  WireWriter message;
  message.digest(digest);
  message.number(size);
  return message.take();
}

Result<Descriptor> unpack_blob(std::string_view content) {
  WireReader reader(content);
  Descriptor blob;
  BOTHY_TRY(blob.digest, reader.digest());
  BOTHY_TRY(blob.size, reader.number());
  return blob;
}

}  // namespace

const std::uint32_t IntakeServer::kFirstRequest = kKeep;

Result<void> LinkIntake::flush() {
  if (!buffer_.empty()) {
    BOTHY_TRY(link_.tell(kWrite, buffer_));
    buffer_.clear();
  }
  return success();
}

Result<std::string> LinkIntake::ask(std::uint32_t type, const std::string& content) {
  BOTHY_TRY(flush());
  return link_.ask(type, content);
}

Result<void> LinkIntake::write(Bytes bytes) {
  while (!bytes.empty()) {
    const Bytes part = bytes.first(std::min(bytes.size(), kBuffer - buffer_.size()));
    buffer_.append(reinterpret_cast<const char*>(part.data()), part.size());
    bytes = bytes.subspan(part.size());
    if (buffer_.size() == kBuffer) {
      BOTHY_TRY(flush());
    }
  }
  return success();
}

Result<void> LinkIntake::write_zeros(std::uint64_t count) {
  BOTHY_TRY(flush());
  WireWriter message;
  message.number(count);
  return link_.tell(kZeros, message.take());
}

Result<Descriptor> LinkIntake::keep(std::string_view media_type) {
  BOTHY_TRY(const std::string answer, ask(kKeep, ""));
  BOTHY_TRY(Descriptor kept, unpack_blob(answer));
  kept.media_type = media_type;
  return kept;
}

Result<bool> LinkIntake::is_stored(const Digest& digest, std::uint64_t size) {
  BOTHY_TRY(const std::string answer, ask(kIsStored, pack_blob(digest, size)));
  return !answer.empty();
}

Result<void> LinkIntake::fetch(const Digest& digest, std::uint64_t size) {
  BOTHY_TRY(ask(kFetch, pack_blob(digest, size)));
  return success();
}

Result<std::string> LinkIntake::document(const Digest& digest) {
  return ask(kDocument, pack_blob(digest, 0));
}

Result<std::string> LinkIntake::head(const Digest& digest) {
  return ask(kHead, pack_blob(digest, 0));
}

Result<std::string> IntakeServer::serve(std::uint32_t type, std::string_view content) {
  if (type == kWrite) {
    BOTHY_TRY(intake_.write(std::as_bytes(std::span(content))));
    return std::string();
  }
  if (type == kZeros) {
    BOTHY_TRY(const std::uint64_t count, WireReader(content).number());
    BOTHY_TRY(intake_.write_zeros(count));
    return std::string();
  }
  if (type == kKeep) {
    BOTHY_TRY(const Descriptor kept, intake_.keep(""));
    return pack_blob(kept.digest, kept.size);
  }
  BOTHY_TRY(const Descriptor blob, unpack_blob(content));
  switch (type) {
    case kIsStored: {
      BOTHY_TRY(const bool stored, intake_.is_stored(blob.digest, blob.size));
      return std::string(stored ? "y" : "");
    }
    case kFetch: {
      BOTHY_TRY(intake_.fetch(blob.digest, blob.size));
      return std::string();
    }
    case kDocument:
      return intake_.document(blob.digest);
    case kHead:
      return intake_.head(blob.digest);
    default:
      return make_error(ErrorCode::kBadInput, "unexpected message of the unpacking process");
  }
}

std::string pack_images(const std::vector<NewImage>& images) {
  WireWriter message;
  message.number(images.size());
  for (const NewImage& image : images) {
    const Descriptor& manifest = image.manifest;
    message.text(manifest.media_type);
    message.digest(manifest.digest);
    message.number(manifest.size);
    const Platform platform = manifest.platform.value_or(Platform());
    for (const std::string* part : {&platform.os, &platform.architecture, &platform.variant}) {
      message.text(*part);
    }
    message.number(image.names.size());
    for (const std::string& name : image.names) {
      message.text(name);
    }
  }
  return message.take();
}

Result<std::vector<NewImage>> unpack_images(std::string_view content) {
  const auto invalid = [] {
    return make_error(ErrorCode::kBadInput, "the unpacking process has sent an invalid image");
  };
  WireReader reader(content);
  BOTHY_TRY(const std::uint64_t count, reader.number());
  std::vector<NewImage> images;
  for (std::uint64_t i = 0; i < count; ++i) {
    NewImage image;
    Platform platform;
    BOTHY_TRY(image.manifest.media_type, reader.text(kMaxMediaType));
    BOTHY_TRY(image.manifest.digest, reader.digest());
    BOTHY_TRY(image.manifest.size, reader.number());
    for (std::string* part : {&platform.os, &platform.architecture, &platform.variant}) {
      BOTHY_TRY(*part, reader.text(kMaxLinkText));
    }
    image.manifest.platform = platform;
    BOTHY_TRY(const std::uint64_t names, reader.number());
    if (images.size() == kMaxImages || names > kMaxNames) {
      return invalid();
    }
    for (std::uint64_t j = 0; j < names; ++j) {
      BOTHY_TRY(std::string name, reader.text(kMaxLinkText));
      const auto reference = Reference::parse(name);
      if (!reference || reference.value().full() != name) {
        return invalid();
      }
      image.names.push_back(std::move(name));
    }
    images.push_back(std::move(image));
  }
  return reader.at_end() ? Result<std::vector<NewImage>>(std::move(images)) : invalid();
}

}  // namespace bothy::image
