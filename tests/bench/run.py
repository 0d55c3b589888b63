"""Measures running an image. Called by tests/bench/run, which prepares what it needs."""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from boot import BOTHY, GUEST, PATIENCE, WORDS, Targets, bothy_boot, time_to_marker


def make_image(place, bothy):
    """An image of busybox alone, and its disk, so that nothing is made the first time only."""
    root = pathlib.Path(place, "root", "bin")
    root.mkdir(parents=True)
    shutil.copy("/bin/busybox", root)
    os.symlink("busybox", root / "true")
    for words in (["import", str(root.parent), "--name", "busybox"], ["build-disk", "busybox"]):
        subprocess.run([bothy, "image", *words], check=True, stdout=subprocess.DEVNULL)


def whole_run(command):
    """Seconds from starting `command` to its end."""
    signal.alarm(PATIENCE)  # a timeout of subprocess's would look for the end every 50 ms
    started = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    took = time.monotonic() - started
    signal.alarm(0)
    return took


def measure(runs, out):
    with tempfile.TemporaryDirectory() as place:
        for name in (BOTHY, f"{GUEST}/vmlinux", f"{GUEST}/testinit.cpio"):
            shutil.copy(name, place)
        bothy, kernel = f"{place}/bothy", f"{place}/vmlinux"
        os.environ |= {"BOTHY_STORE": f"{place}/store", "BOTHY_RUN": f"{place}/run", "BOTHY_KERNEL": kernel}
        make_image(place, bothy)
        boot = bothy_boot(bothy, kernel, "--initrd", f"{place}/testinit.cpio", "--cmdline", WORDS, "--console", "off",
                          "--boot-timer")
        run = [bothy, "run", "--rm", "-m", "128M"]
        subjects = {
            "bothy boot, to init": lambda: time_to_marker(boot, b"boot timer:", "stderr"),
            "bothy run, all of it, no network": lambda: whole_run([*run, "--network", "none", "busybox", "true"]),
            "bothy run, all of it": lambda: whole_run([*run, "busybox", "true"]),
        }
        times = {name: [] for name in subjects}
        for turn in range(runs + 1):
            order = list(subjects.items())
            random.Random(turn).shuffle(order)
            for name, subject in order:
                took = subject()
                if turn > 0:
                    times[name].append(took)
    medians = {name: statistics.median(values) for name, values in times.items()}
    targets = Targets()
    for name, value in medians.items():
        targets.add(name, value * 1000, "ms")
    boots = medians["bothy boot, to init"]
    targets.add("run without network / boot to init", medians["bothy run, all of it, no network"] / boots, "", 1.15)
    targets.add("run / boot to init", medians["bothy run, all of it"] / boots, "", 1.15)
    targets.show(f"In the rig, by instructions (2 ns each): the same kernel, 1 vCPU, 128 MiB, medians of {runs} interleaved runs")
    pathlib.Path(out, "run.json").write_text(json.dumps({"seconds": times, "figures": targets.rows}, indent=1))
    return targets.met()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    sys.exit(0 if measure(arguments.runs, arguments.out) else 1)
