#!/usr/bin/env bash
# `bothy oci`: the verbs of the OCI runtime interface, on bundles. As root. Requires strace.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh
# refused NAME PYTHON WORDS: a config.json that is refused in one line, with nothing left.
refused() {
  config "$2"
  run 1 "$1" --err "$3" -- oci run -b "$bundle" box
  if [ "$(wc -l <"$work/err")" -ne 1 ]; then fail "$1: one line" "$(wc -l <"$work/err") lines"; fi
  if [ -n "$(ls -A "$work/state" 2>/dev/null)" ]; then fail "$1: nothing left" "$(ls "$work/state")"; fi
}

command='id -u; hostname; cat /proc/1/comm; ls /dev | wc -l; exit 3'
config
run 3 'run' --out container --out sh -- oci run -b "$bundle" box
command='echo out; echo err >&2'
config
run 0 'stdout and stderr' --out out --err err -- oci run -b "$bundle" box
command='kill -TERM $$; sleep 10'
config 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]'
run 143 'a signal' -- oci run -b "$bundle" box
command='touch /x'
config
run 1 'a read-only root' --err 'Read-only' -- oci run -b "$bundle" box
command='cat /proc/self/uid_map; stat -c %u /bin'
config 'c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}, {"containerID": 1, "hostID": 700001, "size": 65535}]'
run 0 'a user namespace' --out 700001 -- oci run -b "$bundle" box
mkdir -p "$work/volume"
users='c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 700000, "size": 65536}]'
command='stat -c %u /v; echo new >/v/new'
chmod 755 "$work"
config "$users; c['mounts'].append({'destination': '/v', 'type': 'bind', 'source': '$work/volume', 'options': ['bind', 'idmap']})"
chown -R 700000:700000 "$bundle/rootfs"
run 0 'an idmapped mount' --out 0 -- oci run -b "$bundle" box
run 0 'its files belong to root outside' --out 0 -- stat -c %u "$work/volume/new"
rm -rf "$bundle/rootfs"
command='exec sleep 1000'
config
mkdir -p "$work/pid"
run 0 'create' -- oci create -b "$bundle" --pid-file "$work/pid/file" box
run 0 'its state' --out '"status":"created"' --out "\"pid\":$(cat "$work/pid/file")" --out "\"bundle\":\"$bundle\"" -- oci state box
run 1 'the id is in use' --err 'exists already' -- oci create -b "$bundle" box
run 0 'delete of a created container' -- oci delete box
run 1 'it is gone' --err 'does not exist' -- oci state box
run 0 'its process has ended' -- ended "$(cat "$work/pid/file")"
run 0 'create again' -- oci create -b "$bundle" --pid-file "$work/pid/file" box
run 0 'start' -- oci start box
run 0 'it runs' --out '"status":"running"' -- oci state box
run 1 'start again' --err 'it is running' -- oci start box
run 1 'delete of a running container' --err 'is running' -- oci delete box
run 0 'kill' -- oci kill box KILL
wait_for has_status box stopped
run 0 'it has stopped' --out '"pid":0' -- oci state box
run 1 'kill of a stopped container' --err 'not running' -- oci kill box KILL
run 0 'delete' -- oci delete box
run 1 'it is gone' --err 'does not exist' -- oci state box
run 0 'a forced delete of nothing' -- oci delete --force box
# Two that start it at once: one is told that it has, the other that it hasn't.
double=0
for _ in $(seq 100); do
  oci create -b "$bundle" box
  oci start box 2>"$work/first.err" & first=$!
  oci start box 2>"$work/second.err" & second=$!
  started=0
  wait $first && started=$((started + 1))
  wait $second && started=$((started + 1))
  if [ $started -ne 1 ] || ! cat "$work"/{first,second}.err | grep -q "can't be started"; then double=$((double + 1)); fi
  oci delete --force box
done
if [ $double -eq 0 ]; then pass 'two starts at once'; else fail 'two starts at once' "$double of 100 rounds had another end than one success"; fi
oci run -d -b "$bundle" box
run 0 'a detached run' --out running -- oci state box
run 0 'a forced delete' -- oci delete --force box

config 'c["process"]["args"] = ["nothere"]'
run 1 'create of a command that is not there' --err "can't run 'nothere': executable file not found in \$PATH" -- oci create -b "$bundle" box
run 1 'run says so' --err "can't run 'nothere'" -- oci run -b "$bundle" box
run 1 'a bundle that is not there' --err nothere -- oci run -b "$work/nothere" box
run 1 'an id that is none' --err 'invalid container id' -- oci run -b "$bundle" a/b
command=true
refused 'no JSON' 'c = "x"' 'config.json'
refused 'a wrong type' 'c["process"]["args"] = 3' 'process.args'
refused 'a relative directory' 'c["process"]["cwd"] = "x"' 'process.cwd'
refused 'an unknown namespace' 'c["linux"]["namespaces"].append({"type": "x"})' 'linux.namespaces'
refused 'a sysctl of the host' 'c["linux"]["sysctl"] = {"kernel.core_pattern": "x"}' 'kernel.core_pattern'
refused 'a limit without its controller' 'c["linux"]["resources"]["unified"] = {"misc.max": "x"}' 'misc'
refused 'a source that is not there' 'c["mounts"].append({"destination": "/x", "type": "bind", "source": "/nothere", "options": ["bind"]})' '/nothere'
refused 'a terminal without a socket' 'c["process"]["terminal"] = True; del c["mounts"][2]' 'devpts'
refused 'tmpcopyup of another file system' 'c["mounts"].append({"destination": "/x", "type": "proc", "source": "x", "options": ["tmpcopyup"]})' 'tmpcopyup'
refused 'a remount of what is not there' 'c["mounts"].append({"destination": "/x", "type": "bind", "source": "/tmp", "options": ["bind", "remount"]})' "can't remount '/x'"
refused 'a remount of what is not mounted' 'c["mounts"].append({"destination": "/bin", "type": "bind", "source": "/tmp", "options": ["bind", "remount", "ro"]})' "can't remount '/bin'"

# A terminal: its input doesn't wait for its output, nor the other way.
command='stty raw -echo; echo ready; exec head -c 1000000'
config 'c["process"]["terminal"] = True'
says 'a megabyte pasted into a terminal' 'the same' python3 tests/system/container/paste.py 1000000 "$bothy" oci --root "$work/state" run -b "$bundle" box
run 0 'which has ended' -- oci delete --force box
command=true

config 'c["linux"]["rootfsPropagation"] = "shared"; c["process"]["args"] = ["true"]'
run 0 'a shared root' -- oci run -b "$bundle" box
config 'c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 8, "soft": 8}]; c["process"]["cwd"] = "/bin"; c["process"]["args"] = ["true"]'
run 0 'a small limit of descriptors' -- oci run -b "$bundle" box

config 'c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 1 << 40, "soft": 8}]; c["process"]["args"] = ["true"]'
run 1 'a limit that is too large is named' --err RLIMIT_NOFILE -- oci run -b "$bundle" box
# As buildah asks for them: what can't be raised isn't.
command='grep -E "^Cap(Amb|Eff)" /proc/self/status'
config 'c["process"]["capabilities"]["inheritable"] = ["CAP_KILL"]; c["process"]["capabilities"]["ambient"] = ["CAP_CHOWN", "CAP_KILL"]; c["process"]["user"] = {"uid": 1000, "gid": 1000}'
ln -sf busybox "$bundle/rootfs/bin/grep"
run 0 'ambient capabilities' --out "$(printf 'CapEff:\t0000000000000020\nCapAmb:\t0000000000000020')" -- oci run -b "$bundle" box

# As Docker asks for them with --privileged: what this process hasn't is left out.
command='grep -E "^CapEff" /proc/self/status'
config 'c["process"]["capabilities"] = {name: ["CAP_KILL", "CAP_SYS_RESOURCE"] for name in ("bounding", "effective", "permitted")}'
run 0 'capabilities that cannot be granted' --out "$(printf 'CapEff:\t0000000000000020')" -- setpriv --bounding-set=-sys_resource "$bothy" oci --root "$work/state" run -b "$bundle" box

# Descriptors of bothy's own are not among those that are preserved.
command='ls -l /proc/self/fd'
for users in 'pass' 'c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 0, "size": 65536}]'; do
  config "$users"
  run 0 'descriptors to preserve that are not there' --out total -- oci run --preserve-fds 20 -b "$bundle" box
  if grep -E 'socket:|anon_inode|memfd|cgroup' "$work/out"; then fail 'none of bothy' "$(cat "$work/out")"; else pass 'none of bothy'; fi
done

# Where files in memory can't be executed: a sysctl of a PID namespace.
command='echo here'
config
if [ -e /proc/sys/vm/memfd_noexec ]; then
  without_memfd() { unshare --pid --fork --mount-proc sh -c 'echo 2 >/proc/sys/vm/memfd_noexec && exec "$@"' sh "$@"; }
  run 0 'without executable files in memory' --out here -- without_memfd "$bothy" oci --root "$work/state" run -b "$bundle" box
fi

# What a start costs: system calls of parent and child until the command's exec. Writing cgroup.procs would wait for RCU.
config 'c["process"]["args"] = ["true"]'
strace -f -o "$work/trace" "$bothy" oci --root "$work/state" run -b "$bundle" box
calls=$(grep -vE ' resumed>|\+\+\+|---' "$work/trace" | awk '/execve\("\/bin\/true"/ && !n { n = NR } END { print n }')
if [ "${calls:-1000}" -le 205 ]; then pass "at most 205 system calls ($calls)"; else fail 'at most 205 system calls' "$calls"; fi
if grep -q 'cgroup.procs' "$work/trace"; then fail 'cgroup.procs is not written' "$(grep cgroup.procs "$work/trace")"; else pass 'cgroup.procs is not written'; fi
if find /sys/fs/cgroup -name box | grep . >"$work/out" || [ -n "$(ls -A "$work/state")" ]; then fail 'nothing is left' "$(cat "$work/out")"; else pass 'nothing is left'; fi
finish
