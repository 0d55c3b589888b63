// What driver and network device agree on (virtio 1.2, 5.1; UDP segmentation: 1.3, 5.1.3). The
// kernel's own header for it, linux/virtio_net.h, is not C++.
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

// 5.1.4, the part that is ours.
struct NetConfigSpace {
  std::uint8_t mac[6] = {};
  std::uint16_t status = 0;
  std::uint16_t max_pairs = 0;
  std::uint16_t mtu = 0;
};
static_assert(sizeof(NetConfigSpace) == 12);
inline constexpr std::uint16_t kNetLinkUp = 1;

// 5.1.6: where struct virtio_net_hdr has the number of buffers that a packet takes.
inline constexpr std::size_t kNetNumBuffersOffset = 10;

// 5.1.6.5: a command is its group and number, then what belongs to it, and is answered by a byte.
struct NetCommand {
  std::uint8_t group = 0;
  std::uint8_t number = 0;
};
inline constexpr std::uint8_t kNetOk = 0;
inline constexpr std::uint8_t kNetError = 1;
inline constexpr std::uint8_t kNetGroupRx = 0;
inline constexpr std::uint8_t kNetRxLast = 5;  // the last of its modes, each on or off
inline constexpr std::uint8_t kNetGroupMac = 1;
inline constexpr std::uint8_t kNetMacTableSet = 0;
inline constexpr std::uint8_t kNetMacAddressSet = 1;
inline constexpr std::uint8_t kNetGroupMultiQueue = 4;
inline constexpr std::uint8_t kNetPairsSet = 0;
inline constexpr std::uint8_t kNetGroupGuestOffloads = 5;
inline constexpr std::uint8_t kNetGuestOffloadsSet = 0;

}  // namespace bothy::virtio
