"""The host's side of guest/protocol/agent.h, for tests: a guest's initial RAM disk, and a Host that it talks to."""

import os
import socket
import struct
import subprocess
import threading
import time

VERSION, PORT, TOKEN = 2, 1024, 0x1122334455667788
# Records.
MODULE, ROOT_DEVICE, SCRATCH_DEVICE, SCRATCH_SIZE, READ_ONLY, HOSTNAME = 2, 3, 4, 5, 6, 7
INTERFACE, FILE, MOUNT, PROCESS, GRACE, SEED, PROCESS_LIMIT = 8, 9, 10, 11, 12, 13, 14
ARGUMENT, ENVIRONMENT, DIRECTORY, USER, GROUP, TERMINAL, INPUT, RLIMIT, REAP, TOKEN_KEY = range(32, 42)
# Frames.
HELLO, STREAM, STARTED, NOT_STARTED, EXITED, STATISTICS, COPIED, FAILED, SEEN = range(1, 10)
START, SIGNAL, RESIZE, SHUTDOWN, SET_CLOCK, ASK_STATISTICS, COPY_IN, COPY_OUT, LOOK = range(32, 41)


def record(key, *values):
    data = b"\0".join(value if isinstance(value, bytes) else value.encode() for value in values)
    return struct.pack("<HHI", key, 0, len(data)) + data


def process(*arguments, env=("PATH=/bin",), cwd=None, user=None, groups=(), tty=None, stdin=False, limits=()):
    data = b"".join(record(ARGUMENT, argument) for argument in arguments)
    data += b"".join(record(ENVIRONMENT, variable) for variable in env)
    data += b"".join(record(GROUP, group) for group in groups)
    data += b"".join(record(RLIMIT, struct.pack("<IIQQ", kind, 0, soft, hard)) for kind, soft, hard in limits)
    if cwd:
        data += record(DIRECTORY, cwd)
    if user:
        data += record(USER, user)
    if tty:
        data += record(TERMINAL, struct.pack("<HH", *tty))
    if stdin:
        data += record(INPUT)
    return data + record(TOKEN_KEY, struct.pack("<Q", TOKEN))


def initrd(program, config, modules=()):
    """A newc archive as guest/embed makes it."""
    out = bytearray()

    def add(name, mode, content=b"", device=(0, 0)):
        fields = [len(out) + 1, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0]
        out.extend(b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0")
        out.extend(bytes(-len(out) % 4) + content)
        out.extend(bytes(-len(out) % 4))

    add("dev", 0o040755)
    add("dev/console", 0o020600, device=(5, 1))
    add("init", 0o100755, program)
    for directory in ("bothy", "bothy/image", "bothy/scratch", "bothy/root"):
        add(directory, 0o040755)
    add("bothy/config", 0o100644, config)
    add("bothy/modules", 0o040755)
    for name, content in modules:
        add(f"bothy/modules/{name}", 0o100644, content)
    add("TRAILER!!!", 0)
    return bytes(out)


class Stream:
    """One stream of a process's: what came, and a way to send."""

    def __init__(self):
        self.connected = threading.Event()
        self.ended = threading.Event()
        self.data = bytearray()
        self.socket = None

    def attach(self, connection):
        self.socket = connection
        self.connected.set()
        while True:
            try:
                piece = connection.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                break
            self.data += piece
        self.ended.set()

    def send(self, data, end=False):
        self.connected.wait(30)
        try:
            self.socket.sendall(data)
            if end:
                self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def wait_for(self, words, timeout=30):
        deadline = time.monotonic() + timeout
        while words not in self.data and not self.ended.is_set() and time.monotonic() < deadline:
            time.sleep(0.02)
        return words in self.data


class Process:
    def __init__(self):
        self.streams = [Stream(), Stream(), Stream()]
        self.frames = {}
        self.told = threading.Condition()
        self.over = False

    def give_up(self):
        with self.told:
            self.over = True
            self.told.notify_all()
        for stream in self.streams:
            stream.ended.set()

    def tell(self, kind, content):
        with self.told:
            self.frames[kind] = content
            self.told.notify_all()

    def wait(self, *kinds, timeout=30):
        """The content of the first frame of one of these types, or None."""
        with self.told:
            self.told.wait_for(lambda: self.over or any(kind in self.frames for kind in kinds), timeout)
            return next((self.frames[kind] for kind in kinds if kind in self.frames), None)

    def status(self, timeout=30):
        """As a shell has it, or the words of NOT_STARTED with its errno before."""
        content = self.wait(EXITED, NOT_STARTED, timeout=timeout)
        if content is None:
            return "nothing said"
        number = struct.unpack_from("<i", content)[0]
        if NOT_STARTED in self.frames:
            return f"{number} {content[4:].decode()}"
        return os.waitstatus_to_exitcode(number)

    def output(self, stream=1):
        self.streams[stream].ended.wait(30)
        return bytes(self.streams[stream].data)


class Host:
    """A guest and its host, for the time of a `with`."""

    def __init__(self, program, work, command, config, vsock=True, modules=()):
        self.path = os.path.join(work, "v")
        self.processes = {}
        self.lock = threading.Lock()
        self.control = None
        self.hello = threading.Event()
        self.failed = b""
        self.listener = None
        image = os.path.join(work, "initrd")
        with open(image, "wb") as file:
            file.write(initrd(program, config, modules))
        command = command + ["--initrd", image]
        if vsock:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(f"{self.path}_{PORT}")
            self.listener.listen(64)
            threading.Thread(target=self.accept, daemon=True).start()
            command += ["--vsock", self.path]
        self.log = open(os.path.join(work, "log"), "w+b")
        self.guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.over = False
        threading.Thread(target=self.watch, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.guest.poll() is None:
            self.guest.kill()
        self.guest.wait()
        if self.listener:
            self.listener.close()
            os.unlink(f"{self.path}_{PORT}")
        self.log.close()

    def watch(self):
        """Nobody waits for a guest that is gone."""
        self.guest.wait()
        time.sleep(0.5)
        with self.lock:
            self.over = True
            for process in self.processes.values():
                process.give_up()

    def console(self):
        self.log.seek(0)
        return self.log.read()

    def ended(self, timeout=30):
        try:
            return self.guest.wait(timeout)
        except subprocess.TimeoutExpired:
            return "still runs"

    def process(self, number):
        with self.lock:
            process = self.processes.setdefault(number, Process())
            if self.over:
                process.give_up()
            return process

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        kind, number, content = self.receive(connection)
        if len(content) != 16:
            return
        value, _, token = struct.unpack("<IIQ", content)
        if kind == STREAM and token == TOKEN:
            self.process(number).streams[value].attach(connection)
        elif kind == HELLO and value == VERSION:
            self.control = connection
            self.hello.set()
            while True:
                kind, number, content = self.receive(connection)
                if kind is None:
                    return
                if kind == FAILED:
                    self.failed = content
                self.process(number).tell(kind, content)
                if number == 0 and kind in (EXITED, NOT_STARTED, FAILED):
                    self.send(SIGNAL, 0, struct.pack("<i", 10))  # as if it had been on its way
                    self.send(SHUTDOWN)

    @staticmethod
    def receive(connection):
        def exactly(size):
            data = b""
            while len(data) < size:
                piece = connection.recv(size - len(data))
                if not piece:
                    raise OSError
                data += piece
            return data

        try:
            length, kind, _, number = struct.unpack("<IHHI", exactly(12))
            return kind, number, exactly(length)
        except OSError:
            return None, 0, b""

    def send(self, kind, number=0, content=b""):
        self.hello.wait(30)
        if kind in (COPY_IN, COPY_OUT):
            content = struct.pack("<Q", TOKEN) + content
        try:
            self.control.sendall(struct.pack("<IHHI", len(content), kind, 0, number) + content)
        except OSError:
            pass

    def start(self, number, *arguments, **how):
        started = self.process(number)
        self.send(START, number, process(*arguments, **how))
        return started
