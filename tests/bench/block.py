"""Measures disks. Called by tests/bench/block, which prepares what it needs."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

BENCH = "build/release/tests/bench/bench_block"
BOTHY = "build/release/bothy"
MIB = 1 << 20
PATIENCE = 300
NATIVE_MIB = 512
HUGE_PAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
HUGE_PAGES_WANTED = 40  # of 2 MiB: for 32 buffers of 1 MiB, and some more
RIG_MIB = 256
WORDS = "quiet console=ttyS0 pci=off panic=-1 reboot=t"
GUEST = "/tests/bench/block_guest.sh"


class Table:
    """Figures with the limits that they must keep: at least, or at most."""

    def __init__(self):
        self.rows = []

    def add(self, name, value, least=None, most=None):
        kept = (least is None or value >= least) and (most is None or value <= most)
        self.rows.append({"name": name, "value": value, "least": least, "most": most, "kept": kept})

    def show(self, title):
        print(f"\n{title}")
        for row in self.rows:
            limit = f"at least {row['least']:g}" if row["least"] is not None else f"at most {row['most'] or 0:g}"
            bound = row["least"] is not None or row["most"] is not None
            verdict = f"  {'keeps' if row['kept'] else 'MISSES'} {limit}" if bound else ""
            print(f"  {row['name']:<64} {row['value']:>10.3f}{verdict}")
        return all(row["kept"] for row in self.rows)


def random_file(path, mib):
    with open(path, "wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
        os.fsync(file.fileno())


def into_page_cache(path):
    with open(path, "rb") as file:
        while file.read(MIB):
            pass


def device_run(path, block, depth, *words):
    command = [BENCH, path, str(block), str(depth), "1", *words]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout)


@contextlib.contextmanager
def huge_pages():
    """Whether there are huge pages, for as long as it lasts."""
    before = HUGE_PAGES.read_text()
    wanted = int(before) + HUGE_PAGES_WANTED
    try:
        with contextlib.suppress(PermissionError):
            HUGE_PAGES.write_text(str(wanted))
        yield int(HUGE_PAGES.read_text()) >= wanted
    finally:
        with contextlib.suppress(PermissionError):
            HUGE_PAGES.write_text(before)


def fio_run(path, block, depth, direct, huge):
    command = ["fio", "--name=job", f"--filename={path}", "--rw=randread", f"--bs={block}", f"--iodepth={depth}",
               "--ioengine=io_uring", "--registerfiles=1", f"--direct={int(direct)}", "--runtime=1", "--time_based",
               "--readonly", "--invalidate=0", "--randrepeat=0", "--norandommap", "--thread", "--output-format=json",
               f"--iomem={'shmhuge' if huge else 'malloc'}"]
    out = subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE).stdout
    return json.loads(out)["jobs"][0]["read"]["iops"]


def measure_native(runs, out, directory):
    table = Table()
    figures = []
    with huge_pages() as huge, tempfile.TemporaryDirectory(dir=directory) as place:
        path = f"{place}/disk.img"
        random_file(path, NATIVE_MIB)
        for direct in (True, False):
            for block, depth in ((4096, 32), (4096, 1), (MIB, 32), (MIB, 1)):
                words = [word for word, wanted in (("direct", direct), ("huge", huge)) if wanted]
                device, apart, fio = [], [], []
                for _ in range(runs):
                    if not direct:
                        into_page_cache(path)  # hosts that reclaim what is idle may have dropped it
                    device.append(device_run(path, block, depth, *words))
                    apart.append(device_run(path, block, depth, "apart", *words))
                    fio.append(fio_run(path, block, depth, direct, huge))
                figures.append({"block": block, "depth": depth, "direct": direct, "device": device, "apart": apart, "fio": fio})
                name = f"{block // 1024} KiB, depth {depth}, {'O_DIRECT' if direct else 'page cache'}"
                for kind, results, least in (("device", device, 0.9), ("device and a vCPU", apart, None)):
                    ratio = statistics.median(run["iops"] for run in results) / statistics.median(fio)
                    table.add(f"{name}: {kind} / fio", ratio, least=least)
                    calls = statistics.median(run["syscalls"] / run["requests"] for run in results)
                    if block == 4096 and calls >= 0:
                        table.add(f"{name}: {kind}, system calls a request", calls, most=0.2 if depth == 32 else None)
    pathlib.Path(out, "block-native.json").write_text(json.dumps(figures, indent=1))
    return table.show(f"The device alone, medians of {runs} runs, each beside one of fio{'' if huge else ', without huge pages'}")


def subjects(place):
    """Name -> the command that boots the guest."""
    exec_words = f'{WORDS} bothy.exec={GUEST}'
    bothy = [f"{place}/bothy", "boot", "--kernel", f"{place}/vmlinux", "--initrd", f"{place}/block.cpio",
             "--cmdline", exec_words, "--memory", "512M", "--disk", f"{place}/disk.img"]
    qemu = (
        "qemu-system-x86_64 -M microvm,x-option-roms=off,pit=off,pic=off,rtc=off -accel kvm -cpu host -smp 1 -m 512"
        f" -nodefaults -no-user-config -display none -no-reboot -serial stdio -kernel {place}/vmlinux"
        f" -initrd {place}/block.cpio"
    ).split() + ["-append", exec_words]
    drive = f"file={place}/disk.img,format=raw,if=none,id=disk"
    return {
        "bothy": bothy,
        "QEMU": [*qemu, "-drive", drive, "-device", "virtio-blk-device,drive=disk"],
        "QEMU, io_uring and an iothread": [*qemu, "-object", "iothread,id=io", "-drive", drive + ",aio=io_uring",
                                           "-device", "virtio-blk-device,drive=disk,iothread=io"],
    }


def kvm_exits():
    """All exits of guests until now, and those of them that the monitor saw."""
    counts = {name: int(pathlib.Path("/sys/kernel/debug/kvm", name).read_text()) for name in ("exits", "mmio_exits", "io_exits")}
    return counts["exits"], counts["mmio_exits"] + counts["io_exits"]


def guest_run(command):
    """Job -> reads a second, and exits for each, timer interrupts of two idle seconds among them."""
    jobs = {}
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace") as process:
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        for line in process.stdout:
            found = re.search(r"bench: (begin|end|result) ([\w ,]+?)(?: (\d+) (\d+))?\s*$", line)
            if not found:
                continue
            job = jobs.setdefault(found[2], {})
            if found[1] == "result":
                job["iops"] = int(found[4])
                job["exits"], job["seen"] = ((end - begin) / int(found[3]) for begin, end in zip(job["begin"], job["end"]))
            else:
                job[found[1]] = kvm_exits()
        patience.cancel()
    if process.returncode != 0 or not jobs or any("iops" not in job for job in jobs.values()):
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {jobs}")
    return jobs


def measure_rig(runs, out, _directory):
    if not os.path.ismount("/sys/kernel/debug"):
        subprocess.run(["mount", "-t", "debugfs", "debugfs", "/sys/kernel/debug"], check=True)
    table = Table()
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        for file in (BOTHY, "build/guest/x86_64/vmlinux", "build/bench/block.cpio"):
            shutil.copy(file, place)
        random_file(f"{place}/disk.img", RIG_MIB)
        results = {name: [] for name in subjects(place)}
        for _ in range(runs):
            for name, command in subjects(place).items():
                try:
                    results[name].append(guest_run(command))
                except RuntimeError as error:  # a guest's timer can stand still there (docs/rig.md)
                    print(f"once more: {error}", file=sys.stderr, flush=True)
                    results[name].append(guest_run(command))
                print(f"{name}: {results[name][-1]}", file=sys.stderr, flush=True)
    pathlib.Path(out, "block-rig.json").write_text(json.dumps(results, indent=1))

    def median(name, job, field):
        return statistics.median(run[job][field] for run in results[name])

    for job in results["bothy"][0]:
        for other in results:
            if other != "bothy":
                table.add(f"{job}: bothy / {other}", median("bothy", job, "iops") / median(other, job, "iops"), least=1)
        for name in results:
            most = 0.3 if name == "bothy" and job == "random 4 KiB, depth 32 in batches" else None
            table.add(f"{job}: exits a request, {name}", median(name, job, "exits"))
            table.add(f"{job}: exits to the monitor a request, {name}", median(name, job, "seen"), most=most)
    return table.show(f"fio in a guest, medians of {runs} runs")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("where", choices=("native", "rig"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", required=True)
    parser.add_argument("--directory", default="build/bench")
    arguments = parser.parse_args()
    measure = measure_native if arguments.where == "native" else measure_rig
    sys.exit(0 if measure(arguments.runs, arguments.out, arguments.directory) else 1)


if __name__ == "__main__":
    main()
