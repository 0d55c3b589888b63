/* The boot marker: how the first program in a guest tells the monitor that it has started.
 *
 * The guest's init writes kBootMarkerInitStarted to the I/O port kBootMarkerPort, one byte wide, as
 * its first act. The monitor notes the time of the first such write and ignores everything else
 * that is written there; a read gives 0xff, as from a port where nothing is. The port lies in the
 * range of the PC's diskette controller, which no microVM has.
 *
 * Both sides include this file: C and C++. */
#ifndef BOTHY_GUEST_PROTOCOL_BOOT_MARKER_H_
#define BOTHY_GUEST_PROTOCOL_BOOT_MARKER_H_

enum {
  kBootMarkerPort = 0x03f0,
  kBootMarkerInitStarted = 0x7b, /* 123, the value that Firecracker's boot timer listens for */
};

#endif /* BOTHY_GUEST_PROTOCOL_BOOT_MARKER_H_ */
