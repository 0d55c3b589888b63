"""with_tap.py NAME COMMAND...: runs COMMAND with descriptor 3 as a queue of the tap NAME."""

import fcntl
import os
import struct
import sys

IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, TUNSETIFF = 0x2, 0x1000, 0x4000, 0x400454CA
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", sys.argv[1].encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
if tap != 3:
    os.dup2(tap, 3)
os.set_inheritable(3, True)
os.execvp(sys.argv[2], sys.argv[2:])
