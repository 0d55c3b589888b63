"""Measures starting a guest. Called by tests/bench/boot, which prepares what it needs."""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BOTHY = "build/release/bothy"
GUEST = "build/guest/x86_64"
MIB = 1 << 20
PATIENCE = 120
# What every Linux guest of a comparison gets, whoever runs it. No console: each of its characters is two exits.
WORDS = "quiet console=null pci=off panic=-1 reboot=t"


class Targets:
    """Collects figures with the limits that they must keep, and says so in a table."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, limit=None):
        self.rows.append({"name": name, "value": value, "unit": unit, "limit": limit})

    def met(self):
        return all(row["limit"] is None or row["value"] <= row["limit"] for row in self.rows)

    def show(self, title):
        print(f"\n{title}")
        for row in self.rows:
            verdict = ""
            if row["limit"] is not None:
                kept = row["value"] <= row["limit"]
                verdict = f"  {'within' if kept else 'MISSES'} the limit of {row['limit']:g}"
            print(f"  {row['name']:<58} {row['value']:>10.3f} {row['unit']:<6}{verdict}")


def wait_for(stream, wanted):
    """Reads a process's stream until it holds `wanted`."""
    seen = b""
    while wanted not in seen:
        piece = os.read(stream.fileno(), 4096)
        if not piece:
            raise RuntimeError(f"ended without {wanted!r}: {seen[-2000:].decode(errors='replace')}")
        seen += piece


def time_to_marker(command, wanted, stream):
    """Seconds from starting `command` until `wanted` appears on its stdout or stderr; it is killed then."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: subprocess.PIPE}
    started = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, **pipes)
    try:
        signal.alarm(PATIENCE)
        wait_for(getattr(process, stream), wanted)
        return time.monotonic() - started
    finally:
        signal.alarm(0)
        process.kill()
        process.communicate()


def bothy_boot(bothy, kernel, *flags):
    return [bothy, "boot", "--kernel", kernel, "--cpus", "1", "--memory", "128M", *flags]


def subjects(place):
    """Name -> (command, what shows the marker, on which stream)."""
    bothy, vmlinux, bzimage, initrd = (
        f"{place}/{name}" for name in ("bothy", "vmlinux", "bzImage", "testinit.cpio")
    )
    flags = ["--initrd", initrd, "--cmdline", WORDS, "--console", "off", "--boot-timer"]
    told = (b"boot timer:", "stderr")
    # The machine as small and fast as its documentation (docs/system/i386/microvm.rst) makes it.
    qemu = (
        "qemu-system-x86_64 -M microvm,x-option-roms=off,pit=off,pic=off,isa-serial=off,rtc=off -accel kvm -cpu host"
        " -smp 1 -m 128 -nodefaults -no-user-config -display none -no-reboot"
        " -chardev stdio,id=marker -device isa-debugcon,iobase=0x3f0,chardev=marker"
    ).split()
    return {
        "bothy": (bothy_boot(bothy, vmlinux, *flags), *told),
        "QEMU microvm": ([*qemu, "-kernel", vmlinux, "-initrd", initrd, "-append", WORDS], b"\x7b", "stdout"),
        "bothy, bzImage by its own entry": (bothy_boot(bothy, bzimage, *flags, "--kernel-payload", "keep"), *told),
        "bothy, bzImage unpacked on the host": (bothy_boot(bothy, bzimage, *flags), *told),
    }


class Histogram:
    """How often a field of a KVM trace event had which value, counted by ftrace; empty where the kernel can't."""

    def __init__(self, event, field):
        self.trigger = pathlib.Path("/sys/kernel/debug/tracing/events/kvm", event, "trigger")
        self.command = f"hist:keys={field}"
        self.counts = {}

    def __enter__(self):
        if not os.path.ismount("/sys/kernel/debug"):
            subprocess.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"], check=False)
        try:
            self.trigger.write_text(self.command)
        except OSError:
            self.trigger = None
        return self

    def __exit__(self, *_):
        if self.trigger:
            text = self.trigger.with_name("hist").read_text()
            self.trigger.write_text("!" + self.command)
            for found in re.finditer(r": *(\w+) *\} hitcount: *(\d+)", text):
                self.counts[int(found[1], 0)] = int(found[2])


def count_exits(command):
    """One whole run of a guest: the exits that reached the monitor, all of them by reason, and the ports among them."""
    with Histogram("kvm_exit", "exit_reason") as reasons, Histogram("kvm_pio", "port") as ports:
        run = subprocess.run([*command, "--json"], stdin=subprocess.DEVNULL, capture_output=True, check=True,
                             timeout=PATIENCE)
    # AMD's codes, since that is what the rig is (APM volume 2, appendix C).
    names = {0x04: "CR4 read", 0x14: "CR4 write", 0x46: "invalid opcode", 0x60: "interrupt", 0x61: "NMI",
             0x64: "interrupt window", 0x65: "CR0 write", 0x72: "CPUID", 0x78: "HLT", 0x7B: "port", 0x7C: "MSR",
             0x81: "VMMCALL", 0x89: "WBINVD", 0x8D: "XSETBV", 0x400: "nested page fault"}
    return {"monitor": json.loads(run.stdout)["exits"],
            "reasons": {names.get(reason, f"code {reason:#x}"): count for reason, count in reasons.counts.items()},
            "ports": {f"port {port:#x}": count for port, count in ports.counts.items()}}


def measure_rig(runs, out):
    with tempfile.TemporaryDirectory() as place:
        # The rig's file tree is slow: what is measured starts from memory.
        for name in (BOTHY, f"{GUEST}/vmlinux", f"{GUEST}/bzImage", f"{GUEST}/testinit.cpio"):
            shutil.copy(name, place)
        commands = subjects(place)
        times = {name: [] for name in commands}
        for turn in range(runs + 1):
            # Whoever comes after another finds its memory and caches: each comes after each.
            order = list(commands.items())
            random.Random(turn).shuffle(order)
            for name, (command, wanted, stream) in order:
                took = time_to_marker(command, wanted, stream)
                if turn > 0:  # the first warms caches up
                    times[name].append(took)
            print(f"\rrun {turn} of {runs}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        exits = count_exits(commands["bothy"][0])
        memory = every_device_kib(place)
    medians = {name: statistics.median(values) for name, values in times.items()}
    targets = Targets()
    for name, value in medians.items():
        targets.add(f"{name}: command to init", value * 1000, "ms")
    targets.add("bothy / QEMU microvm", medians["bothy"] / medians["QEMU microvm"], "", 0.6)
    targets.add("bothy / bothy, bzImage by its own entry", medians["bothy"] / medians["bothy, bzImage by its own entry"], "", 0.9)
    targets.add("monitor memory, a Linux guest driving every device", memory / 1024, "MiB", 3)
    targets.show(f"In the rig, by instructions (2 ns each): the same kernel and initrd, 1 vCPU, 128 MiB, medians of {runs} interleaved runs")
    for title, counts in (("exits to the monitor, of one run to power-off", exits["monitor"]),
                          ("exits from the guest, by reason", exits["reasons"]), ("port accesses", exits["ports"])):
        print(f"  {title}:")
        for name, count in sorted(counts.items(), key=lambda item: -item[1])[:12]:
            if count:
                print(f"    {name:<40} {count:>10}")
    pathlib.Path(out, "boot-rig.json").write_text(
        json.dumps({"seconds": times, "figures": targets.rows, "exits": exits}, indent=1))
    return targets.met()


def first_run_ms():
    """A kernel and 128 MiB, from exec to the first KVM_RUN. Whatever the guest then does, it gets 200 ms for it."""
    run = subprocess.run(bothy_boot(BOTHY, f"{GUEST}/vmlinux", "--timeout", "200ms", "--json"), stdin=subprocess.DEVNULL,
                         capture_output=True, timeout=PATIENCE)
    return json.loads(run.stdout)["start_to_first_run_ms"]


def monitor_pss_kib(pid):
    """The proportional set size of all mappings but guest RAM: of the adjacent ones that are exactly its size together,
    those with the most in them (two arenas of malloc's, next to each other, are as large)."""
    mappings = []
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if bounds := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            mappings.append([int(bounds[1], 16), int(bounds[2], 16), 0])
        elif line.startswith("Pss:"):
            mappings[-1][2] = int(line.split()[1])
    ram = []
    for first in range(len(mappings)):
        end = mappings[first][0]
        for last in range(first, len(mappings)):
            if mappings[last][0] != end:
                break
            end = mappings[last][1]
            if end - mappings[first][0] == 128 * MIB:
                ram.append(sum(pss for _, _, pss in mappings[first : last + 1]))
    if not ram:
        raise RuntimeError("guest RAM is not among the monitor's mappings")
    return sum(pss for _, _, pss in mappings) - max(ram)


def idle_guest(*flags):
    """Monitor memory in KiB while a guest idles, and the seconds from SIGTERM until the process is gone."""
    command = bothy_boot(BOTHY, "build/bench/idle_guest", "--boot-timer", *flags)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        signal.alarm(PATIENCE)
        wait_for(process.stderr, b"boot timer:")
        time.sleep(0.3)  # what the kernel defers after building a VM is then done
        memory = monitor_pss_kib(process.pid)
        began = time.monotonic()
        process.terminate()
        process.wait()
        took = time.monotonic() - began
    finally:
        signal.alarm(0)
        process.kill()
        process.communicate()
    return memory, took


def every_device_kib(place):
    """Monitor memory in KiB while a Linux guest has a device of each kind, with its driver up."""
    subprocess.run(["modprobe", "-q", "tun"], check=False)
    subprocess.run(["truncate", "-s", "64M", f"{place}/disk"], check=True)
    command = bothy_boot(f"{place}/bothy", f"{place}/vmlinux", "--initrd", f"{place}/testinit.cpio",
                         "--cmdline", "quiet testinit.action=hang", "--console", "virtio", "--port", f"a,socket={place}/port",
                         "--disk", f"{place}/disk", "--net", "tap", "--vsock", f"{place}/vsock", "--rng",
                         "--balloon", "size=0,free-page-reporting,stats=1", "--control", f"{place}/control")
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        signal.alarm(PATIENCE)
        wait_for(process.stdout, b"action=hang")
        time.sleep(1)
        return monitor_pss_kib(process.pid)
    finally:
        signal.alarm(0)
        process.kill()
        process.communicate()


def stripped_size():
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["strip", "-o", copy.name, BOTHY], check=True)
        return os.path.getsize(copy.name)


def forget_cached(path):
    """As installed: the linker leaves a file in the page cache in pieces of 2 MiB, each of which Linux 6.18 maps as a whole."""
    os.sync()
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def measure_native(runs, out):
    forget_cached(BOTHY)
    # Back to back: on a host that is a guest itself, memory that has been free for long is its own host's again.
    starts = [first_run_ms() for _ in range(runs + 3)][3:]
    memories, ends = [], []
    for _ in range(runs):
        memory, end = idle_guest()
        memories.append(memory / 1024)
        ends.append(end * 1000)
    targets = Targets()
    targets.add("exec to the first KVM_RUN, 128 MiB, the project's kernel", statistics.median(starts), "ms", 5)
    targets.add("monitor memory: PSS of all but guest RAM", statistics.median(memories), "MiB", 2)
    targets.add("tear-down: SIGTERM to gone, 24 MiB touched", statistics.median(ends), "ms", 5)
    targets.add("the binary, stripped", stripped_size() / 1e6, "MB", 6)
    targets.show(f"On this host: medians of {runs} runs")
    pathlib.Path(out, "boot-native.json").write_text(
        json.dumps({"first_run_ms": starts, "monitor_mib": memories, "end_ms": ends, "figures": targets.rows}, indent=1))
    return targets.met()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where", choices=("native", "rig"))
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    measure = measure_native if arguments.where == "native" else measure_rig
    sys.exit(0 if measure(arguments.runs, arguments.out) else 1)


if __name__ == "__main__":
    main()
