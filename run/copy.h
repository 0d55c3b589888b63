// Copies between the host and a running instance, for the command line: tar archives over the
// `api` socket of its owner (client_protocol.h).
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

// What the guest says of a path of its root: not to be believed.
struct GuestFile {
  bool directory = false;
  std::string path;  // without links
};
// Nothing where nothing is. Errors are the guest's words, and those of connect().
[[nodiscard]] Result<std::optional<GuestFile>> look_at_guest(const Instance& instance,
                                                             const std::string& path);

// Takes a part of an archive.
using ArchiveSink = std::function<Result<void>(image::Bytes)>;

// Has the guest unpack in `directory` what `produce` hands out, and waits until it has. A guest
// that wants no more makes the sink fail, with its words.
[[nodiscard]] Result<void> copy_into_guest(
    const Instance& instance, const std::string& directory,
    const std::function<Result<void>(const ArchiveSink&)>& produce);

// The archive that a guest makes of a path: whatever it likes to send. The path itself is packed as
// a link where it is one. Fails, with the guest's words, where the guest does.
class GuestArchive final : public image::ByteSource {
 public:
  [[nodiscard]] static Result<std::unique_ptr<GuestArchive>> open(const Instance& instance,
                                                                  const std::string& path);

  [[nodiscard]] Result<std::size_t> read(std::span<std::byte> into) override;
  // To its end, of which little is left: what follows an archive's own end.
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  explicit GuestArchive(UniqueFd socket) noexcept : socket_(std::move(socket)) {}

  UniqueFd socket_;
  std::string waiting_;  // of the last frame, from `used_` on
  std::size_t used_ = 0;
  std::uint64_t count_ = 0;
  bool ended_ = false;
};

}  // namespace bothy::run
