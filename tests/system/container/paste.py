#!/usr/bin/env python3
"""A paste into a terminal: paste.py BYTES COMMAND...

Runs COMMAND, which prints "ready" once its terminal is raw and then repeats its input, on a terminal; writes BYTES to that, reads as many
back at the same time, waits for the end, and says whether they are the same.
"""
import os
import pty
import select
import signal
import sys
import tty

size = int(sys.argv[1])
sent = os.urandom(size)
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
tty.setraw(terminal)
os.set_blocking(terminal, False)
seen = b""
while not seen.endswith(b"ready\n"):
    select.select([terminal], [], [])
    seen += os.read(terminal, 100)
got = bytearray()
done = 0
while len(got) < size:
    readable, writable, _ = select.select([terminal], [terminal] if done < size else [], [], 30)
    if not readable and not writable:
        break
    if readable:
        try:
            got += os.read(terminal, 4096)
        except OSError:
            break
    if writable:
        done += os.write(terminal, sent[done:done + 65536])
print("the same" if got == sent else f"{len(got)} of {size} bytes came back, {done} were taken")
if got != sent:
    os.kill(pid, signal.SIGKILL)
os.close(terminal)
os.waitpid(pid, 0)
