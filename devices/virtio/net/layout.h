// Feature bits, config space and commands of the network device (virtio 1.2, 5.1; UDP segmentation:
// virtio 1.3, 5.1.3). The kernel's header, linux/virtio_net.h, is not valid C++.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bothy::virtio {

// 5.1.3
enum NetFeature : unsigned {
  kNetCsum = 0,
  kNetGuestCsum = 1,
  kNetCtrlGuestOffloads = 2,
  kNetMtu = 3,
  kNetMac = 5,
  kNetGuestTso4 = 7,
  kNetGuestTso6 = 8,
  kNetGuestEcn = 9,
  kNetHostTso4 = 11,
  kNetHostTso6 = 12,
  kNetHostEcn = 13,
  kNetMergeableBuffers = 15,
  kNetStatus = 16,
  kNetCtrlQueue = 17,
  kNetCtrlRx = 18,
  kNetCtrlRxExtra = 20,
  kNetMultiQueue = 22,
  kNetCtrlMacAddress = 23,
  kNetGuestUso4 = 54,
  kNetGuestUso6 = 55,
  kNetHostUso = 56,
};

// 5.1.4, the fields of the features that are offered.
struct NetConfigSpace {
  std::uint8_t mac[6] = {};
  std::uint16_t status = 0;
  std::uint16_t max_pairs = 0;
  std::uint16_t mtu = 0;
};
static_assert(sizeof(NetConfigSpace) == 12);
inline constexpr std::uint16_t kNetLinkUp = 1;

// 5.1.6: the offset of num_buffers in struct virtio_net_hdr.
inline constexpr std::size_t kNetNumBuffersOffset = 10;

// 5.1.6.5: the header of a command (`class` and `command`). Its data follow, and one byte is the
// answer.
struct NetCommand {
  std::uint8_t group = 0;
  std::uint8_t number = 0;
};
inline constexpr std::uint8_t kNetOk = 0;
inline constexpr std::uint8_t kNetError = 1;
inline constexpr std::uint8_t kNetGroupRx = 0;
inline constexpr std::uint8_t kNetRxLast = 5;  // the last of the receive modes, each on or off
inline constexpr std::uint8_t kNetGroupMac = 1;
inline constexpr std::uint8_t kNetMacTableSet = 0;
inline constexpr std::uint8_t kNetMacAddressSet = 1;
inline constexpr std::uint8_t kNetGroupMultiQueue = 4;
inline constexpr std::uint8_t kNetPairsSet = 0;
inline constexpr std::uint8_t kNetGroupGuestOffloads = 5;
inline constexpr std::uint8_t kNetGuestOffloadsSet = 0;

}  // namespace bothy::virtio
