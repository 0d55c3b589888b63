#!/usr/bin/env bash
# `bothy oci` as engines call it: by the name bothy-oci, with their flags, and what they read: log, state, words. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh
mkdir "$work/bin"
ln -s "$bothy" "$work/bin/bothy-oci"
runtime=$work/bin/bothy-oci
log=$work/log.json
# As containerd's go-runc calls it.
oci() { "$runtime" --root "$work/state" --log "$log" --log-format json "$@"; }
# logged NAME WORDS: the log has exactly one object, an error with WORDS and a time, and stderr has WORDS as well.
logged() {
  if python3 - "$log" "$2" <<'PYTHON'
import datetime, json, sys
records = [json.loads(line) for line in open(sys.argv[1])]
record = records[0]
assert len(records) == 1 and sorted(record) == ["level", "msg", "time"], records
assert record["level"] == "error" and sys.argv[2] in record["msg"], record
datetime.datetime.fromisoformat(record["time"][:26] + "+00:00")
PYTHON
  then pass "$1"; else fail "$1" "$(cat "$log")"; fi
  rm -f "$log"
}

run 0 'its version' --out 'bothy-oci version' --out 'spec: 1.' -- "$runtime" --version
run 0 'its help' --out create --out delete -- "$runtime" --help
run 0 'help of a verb' --out --pid-file -- "$runtime" create --help
run 1 'no verb' --err 'subcommand' -- "$runtime"
run 1 'an unknown flag' --err '--nothing' -- oci state --nothing box
logged 'and its record' --nothing
run 1 'an unknown log format' --err xml -- "$runtime" --log-format xml state box

command='exec sleep 1000'
config
run 1 'a container that is not there' --err 'does not exist' -- oci state box
logged 'and its record' 'does not exist'
run 1 'without a file the record is on stderr' --err '"level":"error"' -- "$runtime" --root "$work/state" --log-format json state box
run 1 'as text' -- "$runtime" --root "$work/state" --log "$work/log.text" --log-format text state box
run 0 'the text' --out 'level=error msg="container' -- cat "$work/log.text"
run 1 'a log that cannot be written' --err 'does not exist' -- "$runtime" --root "$work/state" --log /nothere/log state box
# Flags of engines: what isn't about the container is accepted.
run 0 'create with all flags' -- oci --rootless=false --debug --cgroup-manager cgroupfs create --bundle "$bundle" --no-pivot \
  --no-new-keyring --preserve-fds 0 --pid-file "$work/pid" box
if [ -e "$log" ]; then fail 'no record of a success' "$(cat "$log")"; else pass 'no record of a success'; fi
run 0 'state with stderr closed' --out '"status":"created"' -- sh -c '"$@" 2>&-' sh "$runtime" --root "$work/state" state box
run 0 'start' -- oci start box
run 0 'kill with signal 0' -- oci kill box 0
run 0 'kill --all' -- oci kill --all box 9
wait_for has_status box stopped
run 1 'kill of a container that has stopped' --err 'container not running' -- oci kill box TERM
logged 'and its record' 'container not running'
run 0 'kill --all of it' -- oci kill -a box TERM
run 0 'delete' -- oci delete box
run 1 'delete again' --err 'does not exist' -- oci delete box
rm -f "$log"
run 1 'cgroups of systemd' --err 'systemd' -- oci --systemd-cgroup create -b "$bundle" box
logged 'and its record' systemd

# Engines take "no such file" for the command, so no error about a cgroup says it.
refuses_limit() { # NAME PYTHON
  config "c['linux']['resources'] = $2"
  run 1 "$1" --err cgroup -- oci create -b "$bundle" box
  if grep -i 'no such file' "$work/err"; then fail "$1 without a missing file" "$(cat "$work/err")"; else pass "$1 without a missing file"; fi
}
refuses_limit 'a limit of hugepages that are not there' '{"hugepageLimits": [{"pageSize": "3MB", "limit": 4096}]}'
rm -f "$log"

# What engines tell users of commands that can't be executed.
mkdir -p "$bundle/rootfs/etc"
touch "$bundle/rootfs/etc/plain"
for each in nothere='executable file not found in $PATH' /bin/nothere='no such file or directory' /etc/plain='permission denied' /etc='permission denied'; do
  config "c['process']['args'] = ['${each%%=*}']"
  run 1 "create of ${each%%=*}" --err "can't run '${each%%=*}': ${each#*=}" -- oci create -b "$bundle" box
  logged 'and its record' "${each#*=}"
done
config "c['process']['args'] = ['nothere', 'x']; c['process']['env'] = ['PATH=/bin/busybox:/nothere']"
run 1 'a PATH of what is no directory' --err 'executable file not found' -- oci create -b "$bundle" box
config "c['process']['args'] = ['true']; c['process']['env'] = ['PATH=/bin/busybox:/nothere:/bin']"
run 0 'the command in the last directory of PATH' -- oci run -b "$bundle" box
run 0 'nothing is left' --out 0 -- sh -c 'ls "$1" | wc -l' sh "$work/state"

# No process of bothy's stays with the caller's descriptors.
command='exec sleep 1000 </dev/null >/dev/null 2>&1'
config
run 0 'run --detach leaves no process with its stdout' -- timeout 60 sh -c '"$@" </dev/null 2>&1 | cat' sh "$runtime" --root "$work/state" \
  run --detach -b "$bundle" box
oci delete --force box
config 'c["process"]["args"] = ["true"]'
run 0 'run --keep' -- oci run --keep -b "$bundle" box
run 0 'it has stopped' --out '"status":"stopped"' -- oci state box
run 0 'and is deleted' -- oci delete box
command='exec sleep 1000'
config
run 0 'run without a cgroup' -- oci --cgroup-manager disabled run -d -b "$bundle" box
run 0 'its processes are the caller'"'"'s cgroup' --out same -- sh -c 'cmp /proc/self/cgroup "/proc/$1/cgroup" && echo same' sh "$(oci state box |
  python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])')"
run 0 'and is deleted' -- oci delete --force box

# Where this host has v1 hierarchies, engines look for a container's figures in each of its own.
if [ -n "$covered_cgroups" ]; then
  with_v1() { unshare --mount sh -c 'umount /sys/fs/cgroup && exec "$@"' sh "$@"; }
  command='cat /proc/self/cgroup'
  config
  run 0 'a container with v1 hierarchies' --out : -- with_v1 "$runtime" --root "$work/state" run -b "$bundle" box
  cp "$work/out" "$work/seen"
  for name in cpuacct blkio pids memory; do
    if with_v1 test -d "/sys/fs/cgroup/$name"; then run 0 "its $name hierarchy" -- grep -E "^[0-9]+:([a-z_,]+,)?$name(,[a-z_,]+)?:.*/bothy/box$" "$work/seen"; fi
  done
  if with_v1 find /sys/fs/cgroup -name box | grep . >"$work/out"; then fail 'none is left' "$(cat "$work/out")"; else pass 'none is left'; fi
fi

# Sockets that systemd opened.
command='cat <&3; echo "$LISTEN_FDS $LISTEN_PID"'
config
echo given >"$work/given"
run 0 'LISTEN_FDS' --out given --out '1 1' -- env LISTEN_FDS=1 LISTEN_PID=1 sh -c 'exec "$@" 3<"$0"' "$work/given" "$runtime" \
  --root "$work/state" run -b "$bundle" box

command='cat <&4; ls /proc/self/fd'
config
run 0 'a preserved descriptor' --out given -- bash -c 'exec "$@" 3</dev/null 4<"$0" 5</dev/null' "$work/given" "$runtime" --root "$work/state" \
  run --preserve-fds 2 -b "$bundle" box
cp "$work/out" "$work/seen"
says 'and no other' "$(printf 'given\n0\n1\n2\n3\n4\n5')" cat "$work/seen" # 5: of ls itself

# A service manager (sd_notify(3)), which is told by the caller's runtime that the container is ready.
cat >"$work/manager.py" <<'PYTHON'
import ctypes, os, socket, subprocess, sys, time
work, runtime, bundle, verb = sys.argv[1:]
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind("\0bothy-test-%d" % os.getpid() if verb == "abstract" else work + "/manager.sock")
manager.settimeout(60)
environment = dict(os.environ, NOTIFY_SOCKET="@bothy-test-%d" % os.getpid() if verb == "abstract" else work + "/manager.sock")
call = lambda *arguments: subprocess.Popen([runtime, "--root", work + "/state", *arguments], env=environment, stdin=subprocess.DEVNULL)
made = ["-b", bundle, "--pid-file", work + "/pid", "box"]
if verb == "run":
    waiting = call("run", *made)
elif verb == "detach":
    waiting = call("run", "-d", *made)
else:
    assert call("create", *made).wait() == 0
    waiting = call("start", "box")
while not os.path.exists(work + "/pid") or not os.path.exists(work + "/state/box/notify/notify.sock"):
    time.sleep(0.05)
pid = int(open(work + "/pid").read())
while b"sleep" not in open("/proc/%d/cmdline" % pid, "rb").read():
    time.sleep(0.05)
assert b"NOTIFY_SOCKET=/run/notify/notify.sock\0" in open("/proc/%d/environ" % pid, "rb").read()
child = os.fork()
if child == 0:
    assert ctypes.CDLL(None, use_errno=True).setns(os.open("/proc/%d/ns/mnt" % pid, os.O_RDONLY), 0) == 0
    inside = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    for message in (b"STATUS=READY=1", b"MAINPID=1", b"X" * 8000, b"STATUS=soon\nREADY=1\nMAINPID=2"):
        inside.sendto(message, "/run/notify/notify.sock")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
message = manager.recv(1000)
assert message == b"MAINPID=%d\nREADY=1\n" % pid, message
message, descriptors, _, _ = socket.recv_fds(manager, 1000, 1)
assert message == b"BARRIER=1" and len(descriptors) == 1, message
if verb != "run":
    time.sleep(0.3)
    assert waiting.poll() is None, "it doesn't wait for the barrier"
os.close(descriptors[0])
if verb == "run":
    os.kill(pid, 9)
assert waiting.wait() == (137 if verb == "run" else 0)
PYTHON
command='exec sleep 1000'
config
for verb in start run detach abstract; do
  run 0 "a service manager: $verb" -- timeout 100 python3 "$work/manager.py" "$work" "$runtime" "$bundle" $verb
  oci delete --force box
  rm -f "$work/pid" "$work/manager.sock"
done
command='exec sleep 1'
config
run 0 'create with a service manager that is not there' -- env NOTIFY_SOCKET="$work/nothere" "$runtime" --root "$work/state" create -b "$bundle" box
run 0 'start ends with a process that is never ready' -- env NOTIFY_SOCKET="$work/nothere" timeout 60 "$runtime" --root "$work/state" start box
run 0 'and is deleted' -- oci delete --force box
run 0 'nothing is left' --out 0 -- sh -c 'ls "$1" | wc -l' sh "$work/state"

# The pidfd of a container's process.
command='exec sleep 1000'
config
python3 - "$work/pidfd.sock" >"$work/received" <<'PYTHON' &
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
_, fds, _, _ = socket.recv_fds(listener.accept()[0], 1, 1)
print([line.split()[1] for line in open(f"/proc/self/fdinfo/{fds[0]}") if line.startswith("Pid:")][0])
PYTHON
wait_for test -S "$work/pidfd.sock"
run 0 '--pidfd-socket' -- oci run -d --pidfd-socket "$work/pidfd.sock" --pid-file "$work/pid" -b "$bundle" box
wait
run 0 'it is of that process' -- cmp -s <(cat "$work/received") <(cat "$work/pid"; echo)
oci delete --force box
finish
