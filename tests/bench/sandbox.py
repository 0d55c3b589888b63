"""Measures what confinement costs. Called by tests/bench/sandbox, which prepares what it needs."""

import argparse
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile

from boot import BOTHY, GUEST, PATIENCE, Targets, bothy_boot, forget_cached, idle_guest

MODES = ("on", "off")


def interleave(runs, sample_of):
    """Mode -> what `sample_of(mode)` said in each run, but for a first one that warms caches up."""
    samples = {mode: [] for mode in MODES}
    for turn in range(runs + 1):
        order = list(MODES)
        random.Random(turn).shuffle(order)
        for mode in order:
            sample = sample_of(mode)
            if turn > 0:
                samples[mode].append(sample)
    return samples


def difference(samples):
    on, off = (statistics.median(samples[mode]) for mode in MODES)
    return on - off


def first_run_ms(mode):
    command = bothy_boot(BOTHY, f"{GUEST}/vmlinux", "--timeout", "200ms", "--json", "--sandbox", mode)
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
    return json.loads(run.stdout)["start_to_first_run_ms"]


def calls_until_first_run(mode):
    """System calls of all threads from exec to the first KVM_RUN."""
    with tempfile.NamedTemporaryFile("r") as trace:
        command = bothy_boot(BOTHY, f"{GUEST}/vmlinux", "--timeout", "200ms", "--sandbox", mode)
        subprocess.run(["strace", "-f", "-o", trace.name, *command], stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=PATIENCE)
        count = 0
        for line in trace:
            if "KVM_RUN" in line:
                return count
            count += re.match(r"\d+ +\w+\(", line) is not None
    raise RuntimeError("the monitor has not run its guest")


def measure(runs, out):
    forget_cached(BOTHY)
    starts = interleave(runs, first_run_ms)
    # Threads that come up at the same time may make a few more or less of theirs.
    calls = interleave(runs, calls_until_first_run)
    memory = interleave(runs, lambda mode: idle_guest("--sandbox", mode)[0])
    targets = Targets()
    for mode in MODES:
        targets.add(f"exec to the first KVM_RUN, {mode}", statistics.median(starts[mode]), "ms")
        targets.add(f"system calls until then, {mode}", statistics.median(calls[mode]), "")
        targets.add(f"monitor memory: PSS of all but guest RAM, {mode}", statistics.median(memory[mode]), "KiB")
    targets.add("exec to the first KVM_RUN, more", difference(starts), "ms", 1)
    targets.add("system calls, more", difference(calls), "", 150)
    targets.add("memory, more", difference(memory), "KiB", 200)
    targets.show(f"On this host: medians of {runs} runs, on and off interleaved")
    pathlib.Path(out, "sandbox.json").write_text(
        json.dumps({"first_run_ms": starts, "calls": calls, "memory_kib": memory, "figures": targets.rows}, indent=1))
    return targets.met()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    sys.exit(0 if measure(arguments.runs, arguments.out) else 1)


if __name__ == "__main__":
    main()
