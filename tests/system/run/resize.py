"""resize.py BOTHY IMAGE: runs a shell on a terminal, resizes that once the shell is ready, and passes on what it says."""

import fcntl
import os
import pty
import struct
import sys
import termios

SCRIPT = """trap 'echo then $(stty size); exit 0' WINCH; echo ready; i=0
while [ $i -lt 200 ]; do i=$((i + 1)); sleep 0.1; done"""


def set_size(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


bothy, image = sys.argv[1:]
child, terminal = pty.fork()
if child == 0:
    os.execv(bothy, [bothy, "run", "--rm", "-it", "--network", "none", image, "sh", "-c", SCRIPT])
set_size(terminal, 30, 100)
said = b""
resized = False
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # whoever had the other end is gone
        break
    said += piece
    if b"ready" in said and not resized:
        resized = True
        set_size(terminal, 40, 120)
sys.stdout.write(said.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
