#include "guest/embed/initramfs.h"

#include <fmt/format.h>

#include <cstdint>

#include "guest/protocol/agent.h"

namespace bothy::guest {
namespace {

constexpr std::uint32_t kDirectory = 0040755;
constexpr std::uint32_t kProgram = 0100755;
constexpr std::uint32_t kFile = 0100644;
constexpr std::uint32_t kConsole = 0020600;  // character device 5:1

class Archive {
 public:
  explicit Archive(std::size_t room) { bytes_.reserve(room); }

  void add(std::string_view name, std::uint32_t mode, std::span<const std::byte> content = {}) {
    const bool device = mode == kConsole;
    append(
        fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}"
                    "{:08x}{:08x}",
                    ++inode_, mode, 0, 0, 1, 0, content.size(), 0, 0, device ? 5 : 0,
                    device ? 1 : 0, name.size() + 1, 0));
    append(name);
    bytes_.push_back(std::byte{0});
    align();
    bytes_.insert(bytes_.end(), content.begin(), content.end());
    align();
  }

  [[nodiscard]] std::vector<std::byte> take() {
    add("TRAILER!!!", 0);
    return std::move(bytes_);
  }

 private:
  void append(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void align() { bytes_.resize((bytes_.size() + 3) / 4 * 4); }

  std::vector<std::byte> bytes_;
  std::uint32_t inode_ = 0;
};

// Paths of the protocol are absolute; those of an archive are not.
std::string_view relative(std::string_view path) {
  return path.substr(1);
}

}  // namespace

std::vector<std::byte> make_initramfs(std::span<const std::byte> program, std::string_view config,
                                      std::span<const Module> modules) {
  constexpr std::size_t kHeaders = 4096;
  std::size_t room = program.size() + config.size() + kHeaders;
  for (const Module& module : modules) room += module.content.size() + kHeaders;
  Archive archive(room);
  archive.add("dev", kDirectory);
  archive.add("dev/console", kConsole);
  archive.add("init", kProgram, program);
  archive.add("bothy", kDirectory);
  for (const char* place : {"bothy/image", "bothy/scratch", "bothy/root"})
    archive.add(place, kDirectory);
  archive.add(relative(agent::kConfigPath), kFile, std::as_bytes(std::span(config)));
  if (!modules.empty()) archive.add(relative(agent::kModulesPath), kDirectory);
  for (const Module& module : modules)
    archive.add(fmt::format("{}/{}", relative(agent::kModulesPath), module.name), kFile,
                module.content);
  return archive.take();
}

}  // namespace bothy::guest
