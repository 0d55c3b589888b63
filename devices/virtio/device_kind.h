// DeviceKind: how one kind of virtio device is written as a flag and in a machine file, checked and
// made. A kind lives beside its device, in kind.{h,cc}; device_kinds() in vmm/machine lists all.
#pragma once

#include <any>
#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>
#include <cassert>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/control_commands.h"
#include "base/result.h"
#include "devices/character.h"
#include "devices/host/console/character_backend.h"
#include "devices/virtio/device.h"
#include "memory/guest_memory.h"

namespace bothy {

class DeviceKind;

// One entry of a machine's list of devices: a kind, and that kind's own configuration.
class DeviceConfig {
 public:
  template <class Value>
  DeviceConfig(const DeviceKind& kind, Value value) : kind_(&kind), value_(std::move(value)) {}

  [[nodiscard]] const DeviceKind& kind() const noexcept { return *kind_; }
  // `Value` is the type that the kind made this entry with.
  template <class Value>
  [[nodiscard]] const Value& as() const noexcept {
    const auto* value = std::any_cast<Value>(&value_);
    assert(value != nullptr);
    return *value;
  }

 private:
  const DeviceKind* kind_;
  std::any value_;
};

using DeviceConfigs = std::span<const DeviceConfig* const>;

// The guest's memory as configured, before it exists.
struct MemoryPlan {
  std::uint64_t size = 0;  // bytes
  MemoryBacking backing = MemoryBacking::kAnonymous;
};

// What an entry needs on the host when the guest sends and receives bytes by it.
struct CharacterChannel {
  std::string label;  // "port agent"; "--" and the label begin errors
  CharacterBackendConfig backend;
  Unattended unattended = Unattended::kWait;
};

// The guest's side of such a channel, of a device that was made. Any thread, until the machine has
// been stopped.
struct CharacterEnd {
  CharacterReceiver* receiver = nullptr;
  std::function<void(bool open)> set_open;  // a peer has connected on the host, or disconnected
};

// What DeviceKind::prepare() started for a device.
class PreparedDevice {
 public:
  PreparedDevice() = default;
  PreparedDevice(const PreparedDevice&) = delete;
  PreparedDevice& operator=(const PreparedDevice&) = delete;
  virtual ~PreparedDevice() = default;
};

// What a device is made of. The executor, the memory and the sinks outlive the device.
struct DeviceRequest {
  DeviceConfigs configs;                     // one, or all of a kind that combines its entries
  std::span<CharacterSink* const> sinks;     // of the configs that have a channel, in their order
  std::unique_ptr<PreparedDevice> prepared;  // of the first of the configs; may be null
  boost::asio::io_context& executor;
  const GuestMemory& memory;
};

// Objects of this class are constants without state. A machine is assembled in this order:
//
//   parse() or a config made in code -> validate() -> prepare() -> make() -> connect() -> the guest
class DeviceKind {
 public:
  enum class Use : std::uint8_t {
    kSwitch,    // there or not, without a value
    kOnce,      // at most one; the last one given counts
    kRepeated,  // as many as are given, in their order
  };

  struct Flag {
    std::string_view name;   // without dashes: also the name of the machine file's member
    std::string_view value;  // the value's form, for the help; empty for kSwitch
    std::string_view help;
    Use use = Use::kOnce;
  };

  struct Traits {
    bool combined = false;             // all entries make one device
    bool needs_shared_memory = false;  // another process maps the guest's memory
  };

  [[nodiscard]] constexpr const Flag& flag() const noexcept { return flag_; }
  [[nodiscard]] constexpr const Traits& traits() const noexcept { return traits_; }

  // `text` is the flag's value, empty for kSwitch; `index` counts the entries of this kind before
  // this one. Errors begin with the flag's name.
  [[nodiscard]] virtual Result<DeviceConfig> parse(std::string_view text,
                                                   std::size_t index) const = 0;
  // As a machine file has it: parse() of the members as KEY=VALUE gives the same config.
  [[nodiscard]] virtual boost::json::value to_json(const DeviceConfig& config) const = 0;
  // What holds between the entries of a kind, or between them and the memory.
  [[nodiscard]] virtual Result<void> validate(DeviceConfigs configs,
                                              const MemoryPlan& memory) const;
  // Nothing for a device without bytes to and from the host.
  [[nodiscard]] virtual std::optional<CharacterChannel> channel(const DeviceConfig& config) const;

  // Starts what takes a while, before the machine is assembled.
  [[nodiscard]] virtual Result<std::unique_ptr<PreparedDevice>> prepare(
      const DeviceConfig& config) const;
  [[nodiscard]] virtual Result<std::unique_ptr<virtio::Device>> make(
      DeviceRequest request) const = 0;
  // Waits for what prepare() started; before the guest runs. `device` is of this kind, here and
  // below.
  [[nodiscard]] virtual Result<void> connect(virtio::Device& device) const;
  // One for each of DeviceRequest::sinks.
  [[nodiscard]] virtual std::vector<CharacterEnd> character_ends(virtio::Device& device) const;
  // Adds the commands of a machine with these devices of the kind, none included.
  virtual void add_commands(std::span<virtio::Device* const> devices,
                            ControlCommands& commands) const;

 protected:
  constexpr explicit DeviceKind(const Flag& flag) noexcept : flag_(flag) {}
  constexpr DeviceKind(const Flag& flag, const Traits& traits) noexcept
      : flag_(flag), traits_(traits) {}
  ~DeviceKind() = default;

 private:
  const Flag flag_;
  const Traits traits_{};
};

}  // namespace bothy
