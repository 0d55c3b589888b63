#!/usr/bin/env python3
"""Times of containers beside other runtimes, interleaved in one run.

container.py [--runs N] [--bothy PROGRAM] WORK: makes a bundle and an image in WORK with the static busybox of this host, and prints for each
runtime the median of the wall time and the mean of the CPU time, and what bothy's are of it: of a start from a bundle, of a command in a
running container, and of a whole run of an image. Then many containers, and what is left of them. A runtime that isn't installed, or can't do
it, is left out by name.
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

OUTPUTS = (1, 2)

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


# What Podman wants of a host with cgroup v2 that has no controllers; anywhere else it changes nothing that takes time.
PODMAN_FLAGS = ["--rm", "--network", "none", "--pids-limit", "0", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]


def start(command, output):
    """The process, with stdin from /dev/null and its output in the file `output`."""
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, null, 0)] + [(os.POSIX_SPAWN_DUP2, log, number) for number in OUTPUTS]
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
    os.close(null)
    os.close(log)
    return process


def run(command, work):
    """Wall time and CPU time in seconds of the program and what it waits for, and its status. Without Python's own subprocesses, which
    would take a part of the shorter times."""
    started = time.perf_counter()
    _, status, used = os.wait4(start(command, work / "output"), 0)
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, status


def usable(commands, work):
    found = {}
    for name, command in commands.items():
        if not shutil.which(command[0]):
            print(f"{name}: not installed")
            continue
        if run(command, work)[2] != 0:
            print(f"{name}: {(work / 'output').read_text().strip()}")
            continue
        found[name] = command
    if "bothy" not in found:
        sys.exit("bothy can't do this")
    return found


def compare(title, commands, runs, work):
    """Prints what each takes, and what bothy's is of it. The medians of the wall times."""
    commands = usable(commands, work)
    walls = {name: [] for name in commands}
    used = dict.fromkeys(commands, 0.0)
    for _ in range(runs):
        for name in random.sample(list(commands), len(commands)):
            wall, processor, status = run(commands[name], work)
            if status != 0:
                sys.exit(f"{name}: {(work / 'output').read_text().strip()}")
            walls[name].append(wall)
            used[name] += processor / runs
    medians = {name: statistics.median(each) for name, each in walls.items()}
    print(f"{title}, {runs} of each:")
    for name in commands:
        print(f"  {name}: median {medians[name] * 1e3:.2f} ms, processor {used[name] * 1e3:.2f} ms; "
              f"bothy's is {medians['bothy'] / medians[name]:.2f} and {used['bothy'] / used[name]:.2f} of it")
    return medians


def system_calls(command, work):
    """Of parent and child until the workload's exec, by strace."""
    trace = work / "trace"
    subprocess.run(["strace", "-f", "-o", str(trace), *command], check=True)
    count = 0
    for line in trace.read_text().splitlines():
        if " resumed>" in line or "+++" in line or "---" in line:
            continue
        count += 1
        if 'execve("/bin/true"' in line:
            return count
    raise RuntimeError("the workload was not executed")


def compare_starts(bothy, work, runs):
    commands = {"bothy": [bothy, "oci", "run", "bench"], "crun": ["crun", "run", "bench"], "runc": ["runc", "run", "bench"]}
    medians = compare("A start from a bundle", commands, runs, work)
    if shutil.which("strace"):
        for name in medians:
            print(f"  {name}: {system_calls(commands[name], work)} system calls until the workload's exec")
    return medians["bothy"]


def compare_entries(bothy, work, runs):
    """`exec` of true in a container that sleeps."""
    (work / "sleeping").mkdir(exist_ok=True)
    spec = config(["sleep", "100000"], False)
    spec["root"]["path"] = str(work / "rootfs")
    (work / "sleeping" / "config.json").write_text(json.dumps(spec))
    others = [name for name in ("crun", "runc") if shutil.which(name)]
    subprocess.run([bothy, "run", "-d", "--network", "none", "--name", "sleeping", "bench", "sleep", "100000"], check=True)
    for name in others:
        run([name, "run", "--detach", "--bundle", str(work / "sleeping"), "sleeping"], work)
    commands = {"bothy": [bothy, "exec", "sleeping", "true"], **{name: [name, "exec", "sleeping", "true"] for name in others}}
    compare("A command in a running container", commands, runs, work)
    subprocess.run([bothy, "rm", "-f", "sleeping"], check=True)
    for name in others:
        subprocess.run([name, "delete", "--force", "sleeping"], check=True)


def compare_runs(bothy, work, runs, start_time):
    """A whole run of an image. Podman gets the same files as an image in a store of its own."""
    podman = ["podman", "--root", str(work / "podman"), "--runroot", str(work / "podman-run"), "--cgroup-manager", "cgroupfs",
              "--events-backend", "none"]
    commands = {"bothy": [bothy, "run", "--rm", "--network", "none", "bench", "true"]}
    if shutil.which("podman"):
        subprocess.run(["tar", "-C", str(work / "image"), "-cf", str(work / "image.tar"), "."], check=True)
        run([*podman, "import", str(work / "image.tar"), "bench"], work)
    commands["podman"] = [*podman, "run", *PODMAN_FLAGS, "bench", "true"]
    medians = compare("A whole run of an image", commands, runs, work)
    print(f"  bothy's is {medians['bothy'] / start_time:.2f} of a start from a bundle")


def what_there_is(bothy, work):
    """Counts of what a container may leave."""
    processes = 0
    for each in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            processes += os.readlink(each / "exe").startswith((bothy, "/memfd:"))
        except OSError:
            continue
    return {
        "processes": processes,
        "mounts": len(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()),
        "cgroups": sum(1 for _ in os.walk("/sys/fs/cgroup/bothy")),
        "namespaces": len(subprocess.run(["lsns", "-n"], capture_output=True, text=True, check=True).stdout.splitlines()),
        "loop devices": len(subprocess.run(["losetup", "-n", "-l"], capture_output=True, text=True, check=True).stdout.splitlines()),
        "files": sum(len(files) + len(directories) for _, directories, files in os.walk(work / "run")),
    }


def run_many(bothy, work, title, count, at_once):
    """Runs `count` containers. Ends the benchmark when one is lost, or anything is left."""
    command = [bothy, "run", "--rm", "--network", "none", "bench", "true"]
    run(command, work)
    before = what_there_is(bothy, work)
    started = time.perf_counter()
    lost = 0
    if at_once:
        processes = [start(command, work / "output") for _ in range(count)]
        lost = sum(os.waitpid(process, 0)[1] != 0 for process in processes)
    else:
        lost = sum(run(command, work)[2] != 0 for _ in range(count))
    taken = time.perf_counter() - started
    left = {}
    for _ in range(100):  # owners end a moment after their clients
        after = what_there_is(bothy, work)
        left = {name: number - before[name] for name, number in after.items() if number > before[name]}
        if not left:
            break
        time.sleep(0.1)
    print(f"{count} containers {title}: {taken:.2f} s, {taken / count * 1e3:.2f} ms each, {lost} lost, left: {left or 'nothing'}")
    if lost or left:
        sys.exit("containers were lost, or have left something")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--bothy", default="build/release/bothy")
    parser.add_argument("--device-filter", action="store_true", help="with the device filter of the runtimes' default spec")
    parser.add_argument("work", type=pathlib.Path)
    arguments = parser.parse_args()
    work = arguments.work.absolute()
    bothy = str(pathlib.Path(arguments.bothy).absolute())
    make_bundle(work, arguments.device_filter)
    shutil.copytree(work / "rootfs", work / "image", symlinks=True)
    os.environ.update(BOTHY_ISOLATION="container", BOTHY_STORE=str(work / "store"), BOTHY_RUN=str(work / "run"))
    os.chdir(work)
    subprocess.run([bothy, "image", "import", "--name", "bench", str(work / "image")], check=True, stdout=subprocess.DEVNULL)
    start_time = compare_starts(bothy, work, arguments.runs)
    compare_entries(bothy, work, arguments.runs)
    compare_runs(bothy, work, max(arguments.runs // 10, 5), start_time)
    run_many(bothy, work, "one after another", 1000, False)
    run_many(bothy, work, "at once", 200, True)


if __name__ == "__main__":
    main()
