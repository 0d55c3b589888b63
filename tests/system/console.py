"""Plays the people and programs at the other end of a guest's consoles and ports. Called by console.sh.

  console.py login BOTHY BOOT-ARGUMENT...    logs in on the console, from a terminal whose size changes
  console.py visit BOTHY BOOT-ARGUMENT...    logs in on the console at a pty or socket, leaves, and comes back
  console.py ports BOTHY BOOT-ARGUMENT...    talks to the guest's ports "agent" and "line", and to its second console
"""

import fcntl
import os
import pty
import re
import select
import socket
import struct
import subprocess
import sys
import termios
import time

PATIENCE = 80


class Peer:
    """One descriptor that is read until something has been said."""

    def __init__(self, fd):
        self.fd = fd
        self.heard = b""

    def wait_for(self, pattern, start=0):
        deadline = time.monotonic() + PATIENCE
        while True:
            found = re.search(pattern, self.heard[start:])
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise RuntimeError(f"no {pattern!r} in {self.heard[-2000:]!r}")
            try:
                piece = os.read(self.fd, 4096)
            except OSError:  # a terminal whose other side has gone
                piece = b""
            if not piece:
                raise RuntimeError(f"ended without {pattern!r}: {self.heard[-2000:]!r}")
            self.heard += piece

    def say(self, text):
        """Says it, and returns where what follows begins."""
        start = len(self.heard)
        os.write(self.fd, text)
        return start

    def ask(self, text, pattern):
        return self.wait_for(pattern, self.say(text))


def set_size(fd, columns, rows):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def login(command):
    pid, fd = pty.fork()
    if pid == 0:
        set_size(0, 100, 30)
        os.execv(command[0], command)
    person = Peer(fd)
    person.wait_for(rb"login: ")
    person.ask(b"root\r", rb"# ")
    person.ask(b"stty size\r", rb"\n30 100\r")
    set_size(fd, 123, 45)
    person.ask(b"sleep 1; stty size\r", rb"\n45 123\r")
    # Ctrl-C reaches the guest's program, and nobody else.
    person.ask(b"echo line $((6 + 1)); sleep 100\r", rb"line 7")
    person.ask(b"\x03", rb"\^C")
    person.ask(b"echo still $((40 + 2)) here\r", rb"still 42 here")
    person.ask(b"exit\r", rb"exit status 0")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        raise RuntimeError(f"bothy exits with {status}")


def connect(path):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(path)
    return client


def visit(command):
    where = command[command.index("--console") + 1]
    bothy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if where == "pty":
        path = Peer(bothy.stderr.fileno()).wait_for(rb"the console is at (\S+)")[1]
    else:
        path = where.removeprefix("socket=")

    def come():
        if where == "pty":
            return Peer(os.open(path, os.O_RDWR | os.O_NOCTTY))
        while True:
            try:
                return Peer(connect(path).detach())
            except OSError:  # it doesn't listen yet
                if bothy.poll() is not None:
                    raise
                time.sleep(0.05)

    person = come()
    person.wait_for(rb"login: ")  # said before there was anybody, or not
    person.ask(b"root\r", rb"# ")
    person.ask(b"before=41\r", rb"# ")
    os.close(person.fd)
    person = come()
    person.ask(b"echo now $((before + 1))\r", rb"now 42")
    person.say(b"exit\r")
    status = bothy.wait(PATIENCE)
    if status != 0:
        raise RuntimeError(f"bothy exits with {status}")


def ports(command):
    path = next(word for word in command if word.startswith("agent,")).split("socket=")[1]
    bothy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    told = Peer(bothy.stderr.fileno())
    line = Peer(os.open(told.wait_for(rb"port line is at (\S+)")[1], os.O_RDWR | os.O_NOCTTY))
    second = Peer(os.open(told.wait_for(rb"port second is at (\S+)")[1], os.O_RDWR | os.O_NOCTTY))
    guest = Peer(bothy.stdout.fileno())
    guest.wait_for(rb"ports ready")
    # Clients come one after the other, and the guest sees each come and go.
    for name in b"one", b"two":
        client = connect(path)
        agent = Peer(client.fileno())
        agent.ask(name + b"\n", rb"agent heard " + name)
        client.close()
        guest.wait_for(rb"agent left after " + name)
    line.ask(b"up\n", rb"line heard up")
    second.wait_for(rb"on the second console")
    line.say(b"quit\n")
    status = bothy.wait(PATIENCE)
    if status != 0:
        raise RuntimeError(f"bothy exits with {status}")


if __name__ == "__main__":
    {"login": login, "visit": visit, "ports": ports}[sys.argv[1]]([sys.argv[2], "boot", *sys.argv[3:]])
