#!/usr/bin/env python3
"""What bothy-init promises, as its host sees it: checks.py INIT WORK COMMAND..., where COMMAND boots all but the initrd."""

import io
import os
import resource
import socket
import struct
import subprocess
import sys
import tarfile
import time

from protocol import *

INIT = open(sys.argv[1], "rb").read()
WORK = sys.argv[2]
COMMAND = sys.argv[3:]
passed = failed = 0


def check(name, good, *seen):
    global passed, failed
    if good:
        passed += 1
        print("ok     ", name, flush=True)
    else:
        failed += 1
        print("FAILED ", name, *(repr(what)[:600] for what in seen), flush=True)


def guest(first, *records, vsock=True, version=VERSION, more=(), kernel=None, cmdline="quiet", modules=()):
    config = record(1, struct.pack("<I", version)) + record(ROOT_DEVICE, "/dev/vda") + b"".join(records)
    command = COMMAND + ["--cmdline", cmdline] + list(more)
    if kernel:
        command[command.index("--kernel") + 1] = os.path.join(WORK, kernel)
    return Host(INIT, WORK, command, config + record(PROCESS, first), vsock, modules)


def shell(script, **how):
    return process("sh", "-c", script, **how)


def check_streams(host):
    run = host.start(1, "sh", "-c", "echo out; echo err >&2; exit 1")
    check("an exit status", run.status() == 1, run.frames)
    check("stdout and stderr apart", (run.output(1), run.output(2)) == (b"out\n", b"err\n"), run.output(1), run.output(2))
    run = host.start(2, "sh", "-c", "kill -9 $$")
    check("a killing signal", run.status() == -9, run.frames)
    run = host.start(3, "cat", stdin=True)
    run.streams[0].send(b"to and fro\n", end=True)
    check("stdin until its end", (run.status(), run.output()) == (0, b"to and fro\n"), run.frames, run.output())
    data = os.urandom(1 << 20)
    run = host.start(4, "cat", stdin=True)
    run.streams[0].send(data, end=True)
    check("a mebibyte through a process", run.status() == 0 and run.output() == data, len(run.output()))
    run = host.start(5, "cat")
    check("without stdin there is nothing to read", (run.status(), run.output()) == (0, b""), run.frames)
    run = host.start(6, "sh", "-c", "exec <&-; sleep 0.2; echo done", stdin=True)
    run.streams[0].send(data, end=True)
    check("stdin that nobody reads", (run.status(), run.output()) == (0, b"done\n"), run.frames, run.output())
    run = host.start(7, "sh", "-c", "echo kept; sleep 1000 &")
    check("what is left behind delays nothing", (run.status(5), run.output()) == (0, b"kept\n"), run.frames)
    run = host.start(8, "sh", "-c", "echo again >/dev/stdout; echo more >/proc/self/fd/2", user="www")
    check("/dev/stdout by another user", (run.output(1), run.output(2)) == (b"again\n", b"more\n"), run.output(2))


def check_terminal(host):
    run = host.start(10, "sh", "-c", "tty; stty size; read x; stty size; echo got $x; cat; exit 3", tty=(97, 31), stdin=True)
    stream = run.streams[0]
    check("a terminal of a size", stream.wait_for(b"/dev/pts/0\r\n31 97\r\n"), stream.data)
    host.send(RESIZE, 10, struct.pack("<HH", 120, 50))
    time.sleep(0.1)
    stream.send(b"line\n")
    check("a terminal is resized and read from", stream.wait_for(b"50 120\r\ngot line\r\n"), stream.data)
    stream.send(b"\x03")
    check("Ctrl-C at a terminal", run.status() == -2, run.frames)
    run = host.start(11, "sh", "-c", "seq 20000; exec 0<&- 1>&- 2>&-; sleep 0.3; echo last >/dev/tty; exit 4", tty=(80, 24))
    wanted = b"".join(b"%d\r\n" % i for i in range(1, 20001)) + b"last\r\n"
    check("a terminal's output to the last byte", run.status() == 4 and run.output(0) == wanted, run.frames, run.output(0)[-60:])


    run = host.start(12, "sh", "-c", "echo ready; while :; do sleep 0.05; echo more; done", tty=(80, 24), stdin=True)
    run.streams[0].wait_for(b"ready")
    run.streams[0].socket.shutdown(socket.SHUT_RDWR)
    check("a terminal that nobody reads hangs up", run.status() == -1, run.frames)
    run = host.start(13, "sh", "-c", "while :; do sleep 0.05; /bin/echo more; done; exit 9")
    run.streams[1].wait_for(b"more")
    run.streams[1].socket.shutdown(socket.SHUT_RDWR)
    check("a stream that nobody reads is a broken pipe", run.streams[1].ended.wait(5) and run.wait(EXITED, timeout=1) is None, run.frames)
    host.send(SIGNAL, 13, struct.pack("<i", 15))
    check("of a process that can be ended", run.status() == -15, run.frames)


def check_processes(host):
    run = host.start(20, "id", user="www")
    check("a user of the image", run.output() == b"uid=33(www) gid=33(www) groups=33(www),40(log)\n", run.output(1), run.output(2))
    run = host.start(21, "sh", "-c", "id -u; id -g; id -G; echo $HOME", user="5:6", groups=("log", "7"))
    check("numbers and more groups", run.output() == b"5\n6\n6 7 40\n/\n" or run.output() == b"5\n6\n6 40 7\n/\n", run.output(), run.output(2))
    run = host.start(22, "pwd", user="nosuch")
    check("an unknown user", run.status() == "22 can't run as 'nosuch': the image has no such user", run.status())
    run = host.start(23, "nosuch")
    check("an unknown command", run.status() == "2 can't run 'nosuch': No such file or directory", run.status())
    run = host.start(24, "/etc/passwd")
    check("a file that can't be run", run.status() == "13 can't run '/etc/passwd': Permission denied", run.status())
    run = host.start(18, "sh", "-c", "ln -s /bin/loop /bin/loop")
    run.status()
    run = host.start(19, "loop")
    check("a program behind a loop of symbolic links", run.status() == "40 can't run 'loop': Too many levels of symbolic links", run.status())
    run = host.start(25, "sh", "-c", "echo $0 $A $HOME; pwd; ulimit -n; ulimit -Hn", env=("PATH=/x:/bin", "A=b c"), cwd="/made/here",
                     limits=((resource.RLIMIT_NOFILE, 99, 100),))
    check("environment, directory, limits", run.output() == b"sh b c /root\n/made/here\n99\n100\n", run.output(), run.output(2))
    run = host.start(26, "sh", "-c", "trap 'echo caught; exit 5' USR1; echo ready; while :; do sleep 0.05; done")
    run.streams[1].wait_for(b"ready")
    host.send(SIGNAL, 26, struct.pack("<i", 10))
    check("a signal", run.status() == 5 and run.output() == b"ready\ncaught\n", run.frames, run.output())
    run = host.start(29, "sleep", "1000")
    run.wait(STARTED)
    host.start(29, "true")
    check("a number in use is refused", run.status().startswith("17 "), run.frames)
    host.send(START, 27, b"\x20\0\0\0\xff\xff\xff\xff")
    check("records that lead nowhere", host.process(27).status().startswith("71 "), host.process(27).frames)
    host.send(SET_CLOCK, 0, struct.pack("<qq", 2000000000, 0))
    run = host.start(28, "date", "+%s")
    check("the clock is set", run.output()[:8] == b"20000000", run.output())
    host.send(ASK_STATISTICS)
    answer = host.process(0).wait(STATISTICS)
    numbers = struct.unpack("<6Q", answer) if answer else ()
    check("statistics", len(numbers) == 6 and numbers[0] > 0 and numbers[1] > numbers[2] > 0 and
          0 < numbers[3] < 9 and numbers[4] > 0, numbers)


def check_root(host):
    script = "hostname; cat /etc/hosts /etc/resolv.conf; echo new >/bin/new; cat /bin/new; stat -c %a /tmp /mnt/t; df -k /mnt/t | tail -n 1"
    run = host.start(30, "sh", "-c", script)
    out = run.output().split(b"\n")
    check("host name and files", out[:3] == [b"tester", b"127.0.0.1 localhost", b"nameserver 10.0.2.3"], out)
    check("the root can be written to", out[3:4] == [b"new"], out, run.output(2))
    check("a tmpfs where there was nothing", out[5:6] == [b"700"] and b" 4096 " in out[6], out)
    script = "echo x >/mnt/bound/y; cat /srv/y; echo 1 >/mnt/ro; cat /mnt/ro; echo evil >/mnt/link/z; ls /srv /etc/link"
    run = host.start(31, "sh", "-c", script)
    check("bind mounts of directories and files", run.output().startswith(b"x\n127.0.0.1 localhost\n"), run.output())
    check("a read-only bind mount", b"Read-only file system" in run.output(2), run.output(2))
    check("a mount through a link stays in the root", b"/etc/link:\nz\n" in run.output(), run.output(), run.output(2))
    script = ("ls /dev/ptmx /dev/null /dev/fd/0 && touch /dev/shm/x && mount | cut -d' ' -f3,5 | sort; "
              "ifconfig lo | grep -c UP; cat /sys/fs/cgroup/cgroup.controllers; ls /bothy; umask")
    run = host.start(32, "sh", "-c", script)
    mounts = [b"/ overlay", b"/dev devtmpfs", b"/dev/mqueue mqueue", b"/dev/pts devpts", b"/dev/shm tmpfs", b"/proc proc",
              b"/sys sysfs", b"/sys/fs/cgroup cgroup2"]
    check("what programs expect", all(mount in run.output() for mount in mounts) and b"\n1\n" in run.output() and
          b"memory" in run.output() and b"0022" in run.output(), run.output(), run.output(2))
    check("nothing of init's is in sight", b"No such file" in run.output(2), run.output(2))


def check_copies(host):
    long_name = "d/" + "n" * 200
    data = os.urandom(700000)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, content, link in (("d", tarfile.DIRTYPE, b"", ""), (long_name, tarfile.REGTYPE, data, ""),
                                          ("d/link", tarfile.SYMTYPE, b"", "l" * 300), ("d/hard", tarfile.LNKTYPE, b"", long_name)):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname, member.mode = kind, len(content), link, 0o750
            member.uid, member.gid, member.mtime = 3000000, 5, 1000000000
            tar.addfile(member, io.BytesIO(content))
    copy = host.process(50)
    host.send(COPY_IN, 50, b"/srv")
    copy.streams[0].send(archive.getvalue(), end=True)
    check("a tar is unpacked", copy.wait(COPIED) == bytes(4), copy.frames)
    copy = host.process(51)
    host.send(COPY_OUT, 51, b"/srv/d/")
    out = io.BytesIO(copy.output())
    check("a tar is packed", copy.wait(COPIED) == bytes(4), copy.frames)
    with tarfile.open(fileobj=out) as tar:
        members = {member.name: member for member in tar}
        file = members.get(long_name)
        good = file and (file.uid, file.gid, file.mtime, file.mode) == (3000000, 5, 1000000000, 0o750)
        check("with all that it had", good and tar.extractfile(file).read() == data and
              members["d/link"].linkname == "l" * 300 and members["d/hard"].size == len(data), members)
    for number, kind, path, wrong in ((52, COPY_OUT, b"/nosuch", "No such file"), (53, COPY_IN, b"/etc/passwd", "Not a directory"),
                                      (54, COPY_IN, b"/srv", "Invalid argument")):
        host.send(kind, number, path)
        if kind == COPY_IN:
            host.process(number).streams[0].send(b"no tar" * 1000, end=True)
        answer = host.process(number).wait(COPIED) or bytes(4)
        error = struct.unpack_from("<i", answer)[0]
        check(f"a copy that fails: {wrong}", wrong in os.strerror(error) and len(answer) > 4, answer)


def check_looks(host):
    for number, path, wanted in ((60, b"/etc", (0, 0o040755, b"/etc")), (61, b"/dev/stdout/../fd", (20, 0, b"")),
                                 (62, b"/proc/self", (0, 0o040555, b"/proc/1")), (63, b"/nosuch", (2, 0, b"")), (64, b"", (2, 0, b""))):
        host.send(LOOK, number, path)
        answer = host.process(number).wait(SEEN) or bytes(8)
        seen = (*struct.unpack_from("<iI", answer), answer[8:])
        check(f"a look at '{path.decode()}'", seen == wanted, seen)


def main_guest():
    hosts = record(FILE, "/etc/hosts", "127.0.0.1 localhost\n")
    resolv = record(FILE, "/etc/resolv.conf", "nameserver 10.0.2.3\n")
    mounts = record(MOUNT, "tmpfs", "tmpfs", "/mnt/t", "size=4m,mode=700,nosuid") + \
        record(MOUNT, "bind", "/srv", "/mnt/bound", "") + record(MOUNT, "bind", "/etc/hosts", "/mnt/ro", "ro") + \
        record(MOUNT, "tmpfs", "tmpfs", "/mnt/link", "")
    with guest(shell("read x; echo first; exit 42", stdin=True), record(HOSTNAME, "tester"), hosts, resolv, mounts) as host:
        first = host.process(0)
        if first.wait(STARTED) is None:
            check("a guest starts", False, host.failed, host.console())
            return
        check_streams(host)
        check_terminal(host)
        check_processes(host)
        check_root(host)
        check_copies(host)
        check_looks(host)
        first.streams[0].send(b"go\n")
        check("the first process's status", first.status() == 42 and first.output() == b"first\n", first.frames)
        check("and that is the guest's end", host.ended() == 0, host.console())


def other_guests():
    with guest(shell("echo early; head -c 300000 /dev/zero; sleep 1000 & exit 0")) as host:
        first = host.process(0)
        good = first.status() == 0 and first.output() == b"early\n" + bytes(300000)
        check("a first process that ends at once", good, first.frames, len(first.output()), host.console())
        check("takes what it started along", host.ended() == 0, host.console())

    with guest(shell("touch /x; touch /etc/y; echo z >/mnt/z; cat /mnt/z; pwd; cat /etc/hosts", cwd="/made", tty=(80, 24)),
               record(READ_ONLY), record(FILE, "/etc/hosts", "written\n"), record(MOUNT, "tmpfs", "", "/mnt", "")) as host:
        first = host.process(0)
        out = first.output(0)
        check("a read-only root", out.count(b"Read-only file system") == 2 and out.endswith(b"z\r\n/made\r\nwritten\r\n"), out,
              host.console())

    scratch = os.path.join(WORK, "scratch")
    subprocess.run(["mkfs.ext4", "-q", scratch, "64M"], check=True, stderr=subprocess.DEVNULL)
    with guest(shell("ifconfig eth0; route -n; cat /proc/net/ipv6_route; echo kept >/srv/file; df -k / | tail -n 1"),
               record(INTERFACE, "eth0", "10.9.0.2", "24", "10.9.0.1"), record(INTERFACE, "eth0", "fd00::2", "64", "fd00::1"),
               record(SCRATCH_DEVICE, "/dev/vdb"), more=["--net", "tap=t0", "--disk", scratch]) as host:
        out = host.process(0).output()
        check("an interface's IPv4 address and route", b"inet addr:10.9.0.2" in out and b"Mask:255.255.255.0" in out and
              b"0.0.0.0         10.9.0.1" in out, out, host.failed, host.console())
        check("and IPv6", b"inet6 addr: fd00::2/64" in out and b"fd00" + b"0" * 27 + b"1" in out, out)
        host.ended()
        disk = subprocess.run(["debugfs", "-R", "cat /upper/srv/file", scratch], capture_output=True)
        state = subprocess.run(["dumpe2fs", "-h", scratch], capture_output=True)
        check("a scratch disk has what was written, and no journal to replay", disk.stdout == b"kept\n" and
              b"clean" in state.stdout and b"needs_recovery" not in state.stdout, disk, state.stdout)

    with guest(process("nosuch")) as host:
        check("a first command that isn't there", host.process(0).status() == "2 can't run 'nosuch': No such file or directory", host.process(0).frames)
        check("ends the guest", host.ended() == 0, host.console())

    with guest(shell("trap '' TERM; echo ready; while :; do sleep 0.1; done"), record(GRACE, struct.pack("<I", 300))) as host:
        first = host.process(0)
        first.streams[1].wait_for(b"ready")
        host.send(SHUTDOWN)
        check("a shutdown kills who ignores it", first.status() == -9, first.frames)
        check("and powers off", host.ended() == 0, host.console())

    with guest(shell("trap 'exit 6' TERM; echo ready; while :; do sleep 0.05; done")) as host:
        host.process(0).streams[1].wait_for(b"ready")
        host.hello.wait(30)
        host.control.shutdown(socket.SHUT_RDWR)
        check("a guest without its host powers off", host.ended() == 0, host.console())

    with guest(shell("echo on the console; exit 1"), vsock=False) as host:
        check("a guest without vsock uses the console", host.ended() == 0 and b"on the console" in host.console(), host.console())

    with guest(shell("true"), record(ROOT_DEVICE, "/dev/nodisk")) as host:
        host.ended()
        check("a root that isn't there", host.failed == b"can't mount /dev/nodisk as erofs: No such file or directory", host.failed)

    with guest(shell("true"), record(PROCESS_LIMIT, struct.pack("<I", 5)), cmdline="quiet cgroup_disable=pids") as host:
        host.ended()
        check("a limit on processes that the kernel can't have", host.failed.startswith(b"can't limit the number of processes: the guest's kernel"),
              host.failed, host.console())

    with guest(shell("true"), version=VERSION + 1) as host:
        check("another version's configuration", host.ended() == 0 and b"has another version" in host.console(), host.console())


def volume_guest():
    share = os.path.join(WORK, "share")
    os.makedirs(os.path.join(share, "sub"))
    for name, text in (("one", "the file\n"), ("sub/two", "below\n")):
        with open(os.path.join(share, name), "w") as file:
            file.write(text)
    script = "cat /new/vol/one /etc/one /srv/two; echo back >/new/vol/written; echo no >/etc/one; echo yes >/srv/three; ls -A /dev | grep volume"
    with guest(shell(script), record(MOUNT, "virtiofs", "share", "/new/vol", "rw"),
               record(MOUNT, "virtiofs", "share/one", "/etc/one", "ro"), record(MOUNT, "virtiofs", "share/sub", "/srv", ""),
               more=["--fs", f"share={share}"]) as host:
        first = host.process(0)
        check("volumes: a directory, a file of it, a directory below it", first.output() == b"the file\nthe file\nbelow\n",
              first.output(), first.output(2), host.failed, host.console()[-500:])
        check("volumes: a read-only one", b"Read-only file system" in first.output(2), first.output(2))
        host.ended()
        written = [os.path.exists(os.path.join(share, name)) for name in ("written", "sub/three")]
        check("volumes: written to", written == [True, True], written)


def cloud_guest():
    """Debian's kernel has all that it needs as modules."""
    directory = os.path.join(WORK, "modules")
    modules = [(name, open(os.path.join(directory, name), "rb").read()) for name in sorted(os.listdir(directory))]
    loaded = b"".join(record(MODULE, name) for name, _ in modules)
    with guest(shell("uname -v; cat; exit 7", stdin=True), loaded, kernel="cloud", modules=modules) as host:
        first = host.process(0)
        first.streams[0].send(b"with modules\n", end=True)
        check("Debian's kernel and its modules", first.status() == 7 and b"Debian" in first.output() and
              first.output().endswith(b"with modules\n"), first.frames, first.output(), host.failed, host.console()[-500:])
        check("Debian's kernel powers off", host.ended() == 0, host.console()[-500:])


main_guest()
other_guests()
volume_guest()
cloud_guest()
print(f"{passed} passed, {failed} failed")
sys.exit(failed != 0)
