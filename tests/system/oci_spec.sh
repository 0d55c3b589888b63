#!/usr/bin/env bash
# What the runtime-spec requires of a runtime, where no other test has it: tests/system/oci/requirements.md is the whole list. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh
# Tools of the container beside those of every bundle.
tools() { for name; do ln -sf busybox "$bundle/rootfs/bin/$name"; done; }
# refused NAME PYTHON WORDS: `create` fails in one line, and nothing is left.
refused() {
  config "$2"
  run 1 "$1" --err "$3" -- oci create -b "$bundle" box
  cp "$work/err" "$work/error"
  says "$1: one line, and nothing left" 1 sh -c 'wc -l <"$1"; ls -A "$2"; find /sys/fs/cgroup -name box' sh "$work/error" "$work/state"
}
# shows NAME OUTPUT PYTHON: what $command prints in a container.
shows() {
  config "$3"
  says "$1" "$2" oci run -b "$bundle" box
}
without() { echo "c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != '$1']"; }
in_namespace() { echo "$(without "$1"); c['linux']['namespaces'].append({'type': '$1', 'path': '$2'})"; }

echo '== bundle.md'
config
tools grep mkdir readlink tr sort cut
mkdir -p "$work/empty"
run 1 'a bundle without a config.json' --err "$work/empty/config.json" -- oci create -b "$work/empty" box

echo '== config.md'
refused 'a root that is not there' 'c["root"]["path"] = "nothere"' nothere
command='echo new >/new && cat /new'
shows 'a writable root' new 'c["root"]["readonly"] = False'
rm "$bundle/rootfs/new"
mkdir -p "$work"/{first,second}
for name in first second; do echo "$name" >"$work/$name/file"; done
command='cat /m/file /m/in/file; ls /m'
mkdir -p "$work/first/in"
bind() { echo "c['mounts'].append({'destination': '$2', 'type': 'bind', 'source': '$1', 'options': ['bind'${3:+, '$3'}]})"; }
shows 'mounts are made in the order of the list' "$(printf 'first\nsecond\nfile\nin')" "$(bind "$work/second" /m); $(bind "$work/first" /m); $(bind "$work/second" /m/in)"
command='ulimit -Sn; ulimit -Hn'
shows 'limits of the process' "$(printf '64\n128')" 'c["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "hard": 128, "soft": 64}]'
command='cat /proc/self/oom_score_adj'
shows 'oomScoreAdj' 321 'c["process"]["oomScoreAdj"] = 321'
config 'c["process"].pop("oomScoreAdj", None)'
says 'without oomScoreAdj it is the caller'"'"'s' 123 sh -c 'echo 123 >/proc/self/oom_score_adj && exec "$@"' sh "$bothy" oci --root "$work/state" run -b "$bundle" box
refused 'idmap without a mapping' "$(bind "$work/first" /m idmap)" idmap
# All that the specification wants, each on a tmpfs of its own.
command='cat /proc/self/mountinfo'
config "for option in ('async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec noiversion nolazytime norelatime '
               'nostrictatime nosuid private rbind relatime ro rprivate rshared rslave runbindable rw shared silent slave strictatime suid sync unbindable').split():
  binds = option in ('bind', 'rbind')
  c['mounts'].append({'destination': '/o/' + option, 'type': 'none' if binds else 'tmpfs', 'source': '$work/first' if binds else 'tmpfs', 'options': [option]})
c['root']['readonly'] = False"
run 0 'each option of a mount' -- oci run -b "$bundle" box
shown() { awk -v at="/o/$1" '$5 == at { for (i = 6; i <= NF; i++) printf "%s ", $i }' "$work/mounts"; }
mv "$work/out" "$work/mounts"
says 'one mount for each' 36 grep -c ' /o/' "$work/mounts"
for each in 'dirsync rw,dirsync' 'lazytime rw,lazytime' 'noatime rw,noatime' 'nodev rw,nodev,' 'nodiratime ,nodiratime' 'noexec rw,noexec,' 'nosuid rw,nosuid,' 'ro ro,relatime' \
  'rshared shared:' 'shared shared:' 'sync rw,sync' 'unbindable unbindable' 'runbindable unbindable' 'relatime relatime'; do
  run 0 "the option ${each% *}" --out "${each#* }" -- shown "${each% *}"
done
for each in private rprivate slave rslave; do
  run 1 "the option $each" -- sh -c 'awk -v at="/o/$1" "\$5 == at" "$2" | grep shared:' sh "$each" "$work/mounts"
done
run 1 'the option strictatime' -- sh -c 'awk "\$5 == \"/o/strictatime\"" "$1" | grep atime,' sh "$work/mounts"
refused 'a hook whose path is relative' 'c["hooks"] = {"poststop": [{"path": "a"}]}' 'hooks.poststop[0].path'
command=true
mkdir -p "$bundle/rootfs"
printf '#!/bin/sh\necho "$0" >>"%s/hooks"; exit 3\n' "$work" >"$work/failing"
cp "$work/failing" "$work/failing2"
chmod 755 "$work"/failing*
for kind in poststart poststop; do
  rm -f "$work/hooks"
  config "c['hooks'] = {'$kind': [{'path': '$work/failing'}, {'path': '$work/failing2'}]}"
  run 0 "a failure of $kind is a warning" --err "$kind hook '$work/failing': exit status 3" -- oci run -b "$bundle" box
  says "the next hook of $kind runs" "$work/failing2" tail -n 1 "$work/hooks"
done
refused 'an annotation without a name' 'c["annotations"] = {"": "x"}' annotations

echo '== config-linux.md'
for kind in net:network uts:uts ipc:ipc cgroup:cgroup pid:pid; do
  command="readlink /proc/self/ns/${kind%:*}"
  shows "without a ${kind#*:} namespace it is the caller's" "$(readlink "/proc/self/ns/${kind%:*}")" "$(without "${kind#*:}"); c['linux'].pop('maskedPaths'); c['linux'].pop('readonlyPaths')
if '${kind#*:}' == 'uts': c.pop('hostname')"
  config
  run 0 "a new ${kind#*:} namespace" --out "${kind%:*}:[" -- oci run -b "$bundle" box
  if [ "$(cat "$work/out")" = "$(readlink "/proc/self/ns/${kind%:*}")" ]; then fail "which is another one" "$(cat "$work/out")"; fi
done
refused 'no mount namespace' "$(without mount)" 'needs a mount namespace'
unshare --net --uts sh -c 'echo $$ >"$1"; exec sleep 1000' sh "$work/holder" &
holder=$!
wait_for test -s "$work/holder"
command='readlink /proc/self/ns/net'
shows 'a namespace that exists' "$(readlink "/proc/$holder/ns/net")" "$(in_namespace network "/proc/$holder/ns/net")"
run 0 'which stays' -- test -e "/proc/$holder/ns/net"
refused 'a namespace of another kind' "$(in_namespace network "/proc/$holder/ns/uts")" "/proc/$holder/ns/uts"
refused 'a namespace that is not there' "$(in_namespace network "$work/nothere")" nothere
kill "$holder"
devices='c["linux"]["devices"] = [{"path": "/dev/given", "type": "c", "major": 1, "minor": 7, "fileMode": 0o640, "uid": 1, "gid": 2}]'
command='stat -c "%F %t:%T %a %u:%g" /dev/given'
shows 'a device' 'character special file 1:7 640 1:2' "$devices"
command='for name in null zero full random urandom tty; do stat -c "%n %t:%T" /dev/$name; done; readlink /dev/ptmx'
shows 'devices of every container' "$(printf '/dev/%s\n' 'null 1:3' 'zero 1:5' 'full 1:7' 'random 1:8' 'urandom 1:9' 'tty 5:0')
pts/ptmx" ''
command='stat -c "%t:%T" /bin/made'
mknod "$bundle/rootfs/bin/made" c 1 7
shows 'a device that is there' 1:7 'c["linux"]["devices"] = [{"path": "/bin/made", "type": "c", "major": 1, "minor": 7}]'
refused 'another device in its place' 'c["linux"]["devices"] = [{"path": "/bin/made", "type": "c", "major": 1, "minor": 8}]' "/bin/made': File exists"
rm "$bundle/rootfs/bin/made"
refused 'a file in the place of a device' 'c["linux"]["devices"] = [{"path": "/bin/busybox", "type": "c", "major": 1, "minor": 7}]' "/bin/busybox': File exists"
command='cat /proc/self/cgroup'
cgroup='c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"]'
for path in /bothy-spec/box bothy-spec/box; do
  config "$cgroup; c['linux']['cgroupsPath'] = '$path'"
  run 0 "a cgroup's path $path" --out "bothy-spec/box" -- oci run -b "$bundle" box
  says 'the same place once more' "$(cat "$work/out")" oci run -b "$bundle" box
done
find /sys/fs/cgroup -depth -type d -path '*/bothy-spec*' -exec rmdir {} \;
users='c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 700000, "size": 65536}]'
writable='[m for m in c["mounts"] if m["type"] == "cgroup"][0]["options"].remove("ro")'
command='stat -c %u /sys/fs/cgroup /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/cgroup.freeze; mkdir /sys/fs/cgroup/made 2>/dev/null && echo made'
config "$users; $writable"
chmod 755 "$work"
chown -R 700000:700000 "$bundle/rootfs"
run 0 'a cgroup that the container may write to' -- oci run -b "$bundle" box
says 'its owner, and of which files' "$(printf '0\n0\n65534\nmade')" echo "$(cat "$work/out")"
config "$users"
run 1 'one that the container may not write to' -- oci run -b "$bundle" box
says 'is not given to it' "$(printf '65534\n65534\n65534')" echo "$(cat "$work/out")"
chown -R 0:0 "$bundle/rootfs"

command=true
refused 'a seccomp rule without names' 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}]}' names
command='cat /secret/file; echo x >/proc/sys/kernel/domainname'
mkdir -p "$bundle/rootfs/secret"
echo secret >"$bundle/rootfs/secret/file"
config 'c["linux"]["maskedPaths"] = ["/secret/file", "/nothere"]; c["linux"]["readonlyPaths"] = ["/proc/sys", "/nothere"]; c["root"]["readonly"] = False'
run 1 'masked and read-only paths' --err 'Read-only file system' -- oci run -b "$bundle" box
says 'the masked file is empty' '' echo "$(cat "$work/out")"

echo '== runtime.md'
command='echo started >/started; exec sleep 1000'
config 'c["root"]["readonly"] = False; c["annotations"] = {"a": "b"}'
run 1 'create without an id' -- oci create -b "$bundle"
run 1 'start without an id' -- oci start
run 1 'state without an id' -- oci state
run 1 'kill without an id' -- oci kill
run 1 'delete without an id' -- oci delete
run 0 'create' -- oci create -b "$bundle" box
run 0 'state' --out '"ociVersion":"1.0.2"' --out '"id":"box"' --out '"status":"created"' --out '"pid":' --out "\"bundle\":\"$bundle\"" --out '"annotations":{"a":"b"}' -- oci state box
run 1 'the program has not run' -- test -e "$bundle/rootfs/started"
echo nonsense >"$bundle/config.json"
run 0 'start after config.json has changed' -- oci start box
wait_for test -e "$bundle/rootfs/started"
run 0 'kill' -- oci kill box KILL
wait_for has_status box stopped
run 1 'start of one that has stopped' --err stopped -- oci start box
run 0 'delete' -- oci delete box
run 0 'what create did not make is left' -- test -e "$bundle/rootfs/started"
run 1 'kill of nothing' --err 'does not exist' -- oci kill box
run 1 'start of nothing' --err 'does not exist' -- oci start box
run 1 'delete of nothing' --err 'does not exist' -- oci delete box
refused 'create without a process' 'del c["process"]' 'process is missing'

echo '== runtime-linux.md'
command='for name in fd stdin stdout stderr; do readlink /dev/$name; done; ls /proc/self/fd | tr "\n" " "'
shows 'links of /dev, and the standard descriptors alone' "$(printf '/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n0 1 2 3 ')" ''

says 'nothing is left' '' sh -c 'ls -A "$1"; find /sys/fs/cgroup -name box' sh "$work/state"
finish
