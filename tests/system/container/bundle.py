#!/usr/bin/env python3
"""Writes a bundle's config.json for the tests: bundle.py DIRECTORY CHANGE ARGUMENT...

The command is ARGUMENT..., the root DIRECTORY/rootfs. CHANGE is Python code that changes the configuration `c`, which is otherwise
the default one of OCI runtimes without a user namespace. `without(PATH...)` removes mounts, `user()` adds a user namespace.
"""
import json
import sys

directory, change, *arguments = sys.argv[1:]
capabilities = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_SETUID", "CAP_SETGID", "CAP_MKNOD"]
plain = ["nosuid", "noexec", "nodev"]
c = {
    "ociVersion": "1.0.2",
    "process": {
        "args": arguments,
        "cwd": "/",
        "env": ["PATH=/bin"],
        "user": {"uid": 0, "gid": 0},
        "capabilities": {name: capabilities for name in ("bounding", "effective", "permitted")},
    },
    "root": {"path": "rootfs"},
    "hostname": "bundle",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": plain},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": plain + ["ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": plain + ["ro"]},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount", "cgroup")],
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "maskedPaths": ["/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
}


def without(*paths):
    c["mounts"] = [mount for mount in c["mounts"] if mount["destination"] not in paths]


def user():
    c["linux"]["namespaces"].append({"type": "user"})
    for kind in ("uidMappings", "gidMappings"):
        c["linux"][kind] = [{"containerID": 0, "hostID": 3000000000, "size": 65536}]


exec(change)
with open(directory + "/config.json", "w", encoding="utf-8") as file:
    json.dump(c, file)
