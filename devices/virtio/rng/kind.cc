#include "devices/virtio/rng/kind.h"

#include "devices/virtio/rng/rng.h"

namespace bothy {
namespace {

struct RngConfig {};

class RngKind final : public DeviceKind {
 public:
  constexpr RngKind() noexcept
      : DeviceKind({"rng", "", "Entropy device, fed by the host's kernel", Use::kSwitch}) {}

  [[nodiscard]] Result<DeviceConfig> parse(std::string_view, std::size_t) const override {
    return DeviceConfig(*this, RngConfig());
  }
  [[nodiscard]] boost::json::value to_json(const DeviceConfig&) const override { return true; }
  [[nodiscard]] Result<std::unique_ptr<virtio::Device>> make(DeviceRequest request) const override {
    return std::make_unique<virtio::Rng>(request.executor);
  }
};

constexpr RngKind kRngKind;

}  // namespace

const DeviceKind& rng_kind() noexcept {
  return kRngKind;
}

}  // namespace bothy
