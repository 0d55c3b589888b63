"""Measures networks in the rig. Called by tests/bench/net, which prepares what it needs."""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

BOTHY = "build/release/bothy"
GUEST = "build/guest/x86_64"
PATIENCE = 900
MEGABYTES = 48  # each way
PINGS = 300
TRACING = pathlib.Path("/sys/kernel/debug/tracing/events")


def shell(command):
    subprocess.run(command, shell=True, check=True)


def tap_up(name, address):
    shell(f"ip tuntap add {name} mode tap vnet_hdr && ip addr add {address}/24 dev {name} && ip link set {name} up")


def subjects(place, vhost):
    """Name -> (command but for the kernel's words, the host's address)."""
    bothy, kernel, initrd = (f"{place}/{name}" for name in ("bothy", "vmlinux", "bench-net.cpio"))
    qemu = (
        "qemu-system-x86_64 -M microvm,x-option-roms=off,pit=off,pic=off,rtc=off -accel kvm -cpu host -smp 1 -m 256"
        " -nodefaults -no-user-config -display none -no-reboot -serial stdio -global virtio-mmio.force-legacy=false"
        f" -kernel {kernel} -initrd {initrd} -device virtio-net-device,netdev=n"
        " -netdev tap,id=n,script=no,downscript=no,ifname="
    )
    all_of_them = {
        "bothy": (
            f"{bothy} boot --kernel {kernel} --initrd {initrd} --cpus 1 --memory 256M --console serial --net tap=t0".split(),
            "--cmdline", "10.9.1.1"),
        "QEMU": ((qemu + "t1,vhost=off").split(), "-append", "10.9.2.1"),
    }
    if vhost:
        all_of_them["QEMU, vhost"] = ((qemu + "t2,vhost=on").split(), "-append", "10.9.3.1")
    return all_of_them


def guest_words(host, work):
    guest = host.rsplit(".", 1)[0] + ".2"
    setup = f"ip link set eth0 up; ip addr add {guest}/24 dev eth0; sleep 1; ping -c 2 -q {host} >/dev/null"
    return f'quiet console=ttyS0 pci=off panic=-1 bothy.exec="{setup}; {work.format(host=host)}"'


WORK = {
    "ping-pong": "ping -A -q -c %d {host} | grep round-trip" % PINGS,
    "guest to host": f"/usr/bin/iperf3 -f k -n {MEGABYTES}M -c {{host}} | grep receiver",
    "host to guest": f"/usr/bin/iperf3 -f k -n {MEGABYTES}M -R -c {{host}} | grep receiver",
}


def figures_of(text):
    """What the guest's programs said: milliseconds, and Mbit/s each way."""
    rates = [float(rate) / 1000 for rate in re.findall(r"([\d.]+) Kbits/sec +receiver", text)]
    ping = re.search(r"round-trip min/avg/max = [\d.]+/([\d.]+)/", text)
    if len(rates) != 2 or not ping:
        raise RuntimeError(f"the guest said: {text[-3000:]}")
    return {"ping-pong": float(ping[1]), "guest to host": rates[0], "host to guest": rates[1]}


def measure(subject):
    command, append, host = subject
    words = guest_words(host, "; ".join(WORK.values()))
    run = subprocess.run([*command, append, words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                         timeout=PATIENCE)
    return figures_of(run.stdout)


class Counter:
    """How often an event of the kernel happened, by the field of a histogram of ftrace's."""

    def __init__(self, event, field):
        self.trigger = TRACING / event / "trigger"
        self.command = f"hist:keys={field}:size=4096"
        self.counts = {}

    def __enter__(self):
        self.trigger.write_text(self.command)
        return self

    def __exit__(self, *_):
        text = self.trigger.with_name("hist").read_text()
        self.trigger.write_text("!" + self.command)
        for found in re.finditer(r"{ (.*?) } hitcount: *(\d+)", text):
            self.counts[found[1]] = int(found[2])


def total(interface):
    stats = pathlib.Path("/sys/class/net", interface, "statistics")
    return sum(int((stats / name).read_text()) for name in ("rx_packets", "tx_packets"))


def count(subject, interface, work):
    """System calls of the monitor, its exits and all, per packet of one kind of work; without the guest's start and end."""
    command, append, host = subject
    results = []
    for words in (guest_words(host, "true"), guest_words(host, WORK[work])):
        before = total(interface)
        with Counter("raw_syscalls/sys_enter", "common_pid,id") as calls, Counter("kvm/kvm_exit", "exit_reason") as exits:
            process = subprocess.Popen([*command, append, words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            threads = watch_threads(process)
        ours = sum(n for key, n in calls.counts.items() if int(re.search(r"common_pid: *(\d+)", key)[1]) in threads)
        results.append((ours, sum(exits.counts.values()), total(interface) - before))
    calls, exits, packets = (after - before for before, after in zip(*results))
    return {"packets": packets, "calls": calls / packets, "exits": exits / packets}


def watch_threads(process):
    """The ids of all its threads there have been, once it has ended."""
    threads = {process.pid}
    while process.poll() is None:
        try:
            threads.update(int(name) for name in os.listdir(f"/proc/{process.pid}/task"))
            process.wait(0.5)
        except (subprocess.TimeoutExpired, FileNotFoundError):
            pass
    return threads


def show(title, rows):
    print(f"\n{title}")
    for row in rows:
        print("  " + "".join(f"{cell:<24}" if i == 0 else f"{cell:>16}" for i, cell in enumerate(row)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    shell("modprobe tun; modprobe vhost_net 2>/dev/null; mountpoint -q /sys/kernel/debug || mount -t debugfs debugfs /sys/kernel/debug")
    vhost = os.path.exists("/dev/vhost-net")
    for index in range(3):
        tap_up(f"t{index}", f"10.9.{index + 1}.1")
    server = subprocess.Popen(["iperf3", "-s"], stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as place:
        for name in (BOTHY, f"{GUEST}/vmlinux", f"{GUEST}/bench-net.cpio"):
            shutil.copy(name, place)
        commands = subjects(place, vhost)
        samples = {name: [] for name in commands}
        for turn in range(arguments.runs):
            order = list(commands)
            random.Random(turn).shuffle(order)
            for name in order:
                samples[name].append(measure(commands[name]))
                print(f"{name}: {samples[name][-1]}", file=sys.stderr, flush=True)
        counts = {name: {work: count(commands[name], interface, work) for work in WORK}
                  for name, interface in (("bothy", "t0"), ("QEMU", "t1"))}
    server.kill()
    medians = {name: {work: statistics.median(sample[work] for sample in values) for work in WORK}
               for name, values in samples.items()}
    rows = [("", *medians, "bothy / QEMU")]
    for work, unit in (("ping-pong", "ms"), ("guest to host", "Mbit/s"), ("host to guest", "Mbit/s")):
        ratio = medians["bothy"][work] / medians["QEMU"][work]
        rows.append((f"{work}, {unit}", *(f"{medians[name][work]:.3f}" for name in medians), f"{ratio:.2f}"))
    show(f"1 vCPU, medians of {arguments.runs} interleaved runs", rows)
    rows = [("", "packets", "system calls", "exits")]
    for name, works in counts.items():
        rows += [(f"{name}, {work}", figures["packets"], f"{figures['calls']:.2f}", f"{figures['exits']:.2f}")
                 for work, figures in works.items()]
    show("Per packet of the tap (which may be 64 KiB): the monitor's system calls, KVM's exits", rows)
    pathlib.Path(arguments.out, "net-rig.json").write_text(json.dumps({"samples": samples, "counts": counts}, indent=1))
    kept = (medians["bothy"]["ping-pong"] <= medians["QEMU"]["ping-pong"]
            and all(medians["bothy"][work] >= medians["QEMU"][work] for work in ("guest to host", "host to guest")))
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
