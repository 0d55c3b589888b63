// Copies between the host and a running instance, for the command line: tar archives over the
// `api` socket of the instance's owner (client_protocol.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/bytes/byte_source.h"
#include "run/instance.h"

namespace bothy::run {

// A path in an instance, which is not trusted.
struct InstanceFile {
  bool directory = false;
  std::string path;  // without links
};
// Nothing where the path doesn't exist.
[[nodiscard]] Result<std::optional<InstanceFile>> look_at_instance(const Instance& instance,
                                                                   const std::string& path);

// Takes a part of an archive.
using ArchiveSink = std::function<Result<void>(image::Bytes)>;

// Unpacks in `directory` of the instance the archive that `produce` writes to its sink, and waits
// for the end of that. When the instance ends the copy, the sink fails with the instance's message.
[[nodiscard]] Result<void> copy_into_instance(
    const Instance& instance, const std::string& directory,
    const std::function<Result<void>(const ArchiveSink&)>& produce);

// The archive that an instance makes of a path: any bytes, since the instance is not trusted. A
// path that is a link is packed as one. Reading fails with the instance's message where packing
// does.
class InstanceArchive final : public image::ByteSource {
 public:
  [[nodiscard]] static Result<std::unique_ptr<InstanceArchive>> open(const Instance& instance,
                                                                     const std::string& path);

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;
  // Reads the little that may follow an archive's own end.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  explicit InstanceArchive(UniqueFd socket) noexcept : socket_(std::move(socket)) {}

  UniqueFd socket_;
  std::string waiting_;  // the last frame, read up to `used_`
  std::size_t used_ = 0;
  std::uint64_t count_ = 0;
  bool ended_ = false;
};

}  // namespace bothy::run
