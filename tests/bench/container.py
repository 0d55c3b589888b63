#!/usr/bin/env python3
"""Times of containers beside other runtimes, interleaved in one run.

container.py [--runs N] [--bothy PROGRAM] WORK: makes a bundle in WORK with the static busybox of this host, and prints the median of each,
and its ratio to bothy's. A runtime that isn't installed, or can't run the bundle, is left out by name.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

MOUNTS = [
    ("/proc", "proc", "proc", []),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
]
MASKED = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats",
          "/proc/sched_debug", "/sys/firmware", "/proc/scsi"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
CAPABILITIES = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]


def config(arguments, device_filter):
    """What `crun spec` and `runc spec` write, but for the terminal."""
    sets = {name: CAPABILITIES for name in ("bounding", "effective", "permitted")}
    spec = {
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 0, "gid": 0}, "args": arguments, "env": ["PATH=/bin"], "cwd": "/", "capabilities": sets,
                    "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}], "noNewPrivileges": True},
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "container",
        "mounts": [{"destination": to, "type": kind, "source": source, "options": options} for to, kind, source, options in MOUNTS],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
                  "maskedPaths": MASKED, "readonlyPaths": READ_ONLY},
    }
    if device_filter:
        spec["linux"]["resources"] = {"devices": [{"allow": False, "access": "rwm"}]}
    return spec


def make_bundle(work, device_filter):
    root = work / "rootfs"
    for name in ("bin", "proc", "dev", "sys"):
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    for name in ("true", "sleep"):
        if not (root / "bin" / name).exists():
            os.symlink("busybox", root / "bin" / name)
    (work / "config.json").write_text(json.dumps(config(["true"], device_filter)))


def run(command, work):
    started = time.perf_counter()
    done = subprocess.run(command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return time.perf_counter() - started, done


def usable(commands, work):
    found = {}
    for name, command in commands.items():
        if not shutil.which(command[0]):
            print(f"{name}: not installed")
            continue
        _, done = run(command, work)
        if done.returncode != 0:
            print(f"{name}: {done.stderr.strip()}")
            continue
        found[name] = command
    return found


def system_calls(command, work):
    """Of parent and child until the workload's exec, by strace."""
    trace = work / "trace"
    subprocess.run(["strace", "-f", "-o", str(trace), *command], cwd=work, check=True)
    count = 0
    for line in trace.read_text().splitlines():
        if " resumed>" in line or "+++" in line or "---" in line:
            continue
        count += 1
        if 'execve("/bin/true"' in line:
            return count
    raise RuntimeError("the workload was not executed")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--bothy", default="build/release/bothy")
    parser.add_argument("--device-filter", action="store_true", help="with the device filter of the runtimes' default spec")
    parser.add_argument("work", type=pathlib.Path)
    arguments = parser.parse_args()
    work = arguments.work.absolute()
    make_bundle(work, arguments.device_filter)
    bothy = str(pathlib.Path(arguments.bothy).absolute())
    commands = usable({"bothy": [bothy, "oci", "run", "bench"], "crun": ["crun", "run", "bench"], "runc": ["runc", "run", "bench"]}, work)
    if "bothy" not in commands:
        sys.exit("bothy can't run the bundle")
    times = {name: [] for name in commands}
    for _ in range(arguments.runs):
        for name in random.sample(list(commands), len(commands)):
            taken, done = run(commands[name], work)
            if done.returncode != 0:
                sys.exit(f"{name}: {done.stderr.strip()}")
            times[name].append(taken)
    own = statistics.median(times["bothy"])
    for name, each in times.items():
        median = statistics.median(each)
        print(f"{name}: median of {len(each)}: {median * 1e3:.2f} ms; bothy's is {own / median:.2f} of it")
    if shutil.which("strace"):
        for name, command in commands.items():
            print(f"{name}: {system_calls(command, work)} system calls until the workload's exec")


if __name__ == "__main__":
    main()
