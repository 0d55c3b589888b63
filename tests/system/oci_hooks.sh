#!/usr/bin/env bash
# Hooks of `bothy oci` (runtime-spec, config.md, POSIX-platform Hooks). As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh
chmod 755 "$work"
# fails NAME VERB PYTHON WORDS...: VERB fails with WORDS, and nothing is left.
fails() {
  local name=$1 verb=$2 words=()
  config "$3"
  shift 3
  for each in "$@"; do words+=(--err "$each"); done
  run 1 "$name" "${words[@]}" -- oci "$verb" -b "$bundle" box
  if [ -n "$(ls -A "$work/state")" ] || find /sys/fs/cgroup -name box | grep . >"$work/out"; then fail "$name: nothing is left" "$(ls "$work/state")"; else pass "$name: nothing is left"; fi
}
# Of a process with this number among its arguments.
is_left() { grep -lsaw "$1" /proc/[0-9]*/cmdline | grep .; } # a pattern, which isn't its own
paths="'env': ['PATH=/bin:/usr/bin:/sbin:/usr/sbin']"

# Each says its kind and has the state on its stdin; that inside the container leaves it in its root.
cat >"$work/hook" <<HOOK
#!/bin/sh
cat >"$work/state-\$1"
echo "\$1 \$MARK \$(readlink /proc/self/ns/mnt) \$(pwd -P)" >>"$work/order"
HOOK
chmod 755 "$work/hook"
command='readlink /proc/self/ns/mnt; cat /from-hook /seen /hook-fds; echo command >>/order'
config "c['root']['readonly'] = False
kinds = 'prestart createRuntime createContainer poststart poststop'.split()
c['hooks'] = {name: [{'path': '$work/hook', 'args': ['hook', name], 'env': ['PATH=/bin:/usr/bin', 'MARK=' + name[:3]]}] for name in kinds}
c['hooks']['createContainer'].append({'path': '/bin/sh', 'args': ['sh', '-c', 'echo made >from-hook']})
c['hooks']['startContainer'] = [{'path': '/bin/sh', 'args': ['sh', '-c', 'cat >/seen; ls /proc/self/fd >/hook-fds; echo \$MARK >>/order'], 'env': ['PATH=/bin', 'MARK=start']}]"
ln -sf busybox "$bundle/rootfs/bin/readlink"
run 0 'a run with hooks' --out made -- oci run -b "$bundle" box
container=$(head -n 1 "$work/out")
for name in prestart:creating createRuntime:creating createContainer:creating poststart:running poststop:stopped; do
  run 0 "the hook ${name%:*}" --out "\"status\":\"${name#*:}\"" -- cat "$work/state-${name%:*}"
done
run 0 'the state of startContainer' --out '"status":"created"' --out '"pid":1,' -- cat "$bundle/rootfs/seen"
run 0 'createContainer knows the pid inside' --out '"pid":1,' -- cat "$work/state-createContainer"
host=$(readlink /proc/self/ns/mnt)
says 'their order, environments, mount namespaces and directories' "$(
  for name in prestart createRuntime; do echo "$name ${name:0:3} $host $PWD"; done
  echo "createContainer cre $container $bundle/rootfs"
  for name in poststart poststop; do echo "$name pos $host $PWD"; done
)" cat "$work/order"
says 'startContainer runs before the command' "$(printf 'start\ncommand')" cat "$bundle/rootfs/order"
says 'with standard descriptors alone' "$(printf '0\n1\n2\n3')" cat "$bundle/rootfs/hook-fds" # 3: of ls itself

# Before the mounts are closed: hooks like NVIDIA's add files and mounts to a root that the container can't write to.
mkdir -p "$work/given"
echo library >"$work/given/lib"
command='cat /lib/lib /late; touch /x'
config "c['hooks'] = {'createContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'mkdir -p lib && mount --bind $work/given lib && echo late >late'], $paths}]}"
run 1 'a mount by createContainer' --out library --out late --err Read-only -- oci run -b "$bundle" box
rm -rf "$bundle/rootfs"
cat >"$work/enter" <<HOOK
#!/bin/sh
pid=\$(sed 's/.*"pid":\([0-9]*\).*/\1/')
nsenter -t "\$pid" -m sh -c 'mkdir -p $bundle/rootfs/lib && mount --bind $work/given $bundle/rootfs/lib'
HOOK
chmod 755 "$work/enter"
for name in prestart createRuntime; do
  command='cat /lib/lib'
  config "c['hooks'] = {'$name': [{'path': '$work/enter', $paths}]}"
  run 0 "a mount by $name, which enters the mount namespace by the pid" --out library -- oci run -b "$bundle" box
done
config "c['process']['args'] = ['brought']; c['hooks'] = {'createRuntime': [{'path': '/bin/cp', 'args': ['cp', '/bin/busybox', '$bundle/rootfs/bin/brought']}]}"
run 127 'a command that a hook brings' --err 'applet not found' -- oci run -b "$bundle" box

# The executable of createContainer is the host's, whatever the root has at its path.
rm -rf "$bundle/rootfs"
mkdir -p "$bundle/rootfs$work" "$work/evil"
for place in "$work" "$bundle/rootfs$work" "$work/evil"; do
  printf '#!/bin/sh\necho %s >%s/result\n' "$place" "$work" >"$place/safe"
  chmod 755 "$place/safe"
done
ln -s / "$bundle/rootfs/up"
ln -s "../../../../../../../..$work" "$bundle/rootfs/out"
for destination in "$work" "/../../..$work" "/up$work" /out; do
  rm -f "$work/result"
  config "c['mounts'].append({'destination': '$destination', 'type': 'bind', 'source': '$work/evil', 'options': ['bind']}); c['hooks'] = {'createContainer': [{'path': '$work/safe'}]}; c['process']['args'] = ['true']"
  run 0 "a root with $destination" -- oci run -b "$bundle" box
  says 'the hook of the host ran' "$work" cat "$work/result"
done
rm -rf "$bundle/rootfs"

# A hook inside has the rights of the container's command, and no more.
limited='c["process"]["user"] = {"uid": 1000, "gid": 1000}; c["process"]["noNewPrivileges"] = True; c["process"]["capabilities"] = {}
c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5}]}
c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})'
config "$limited
c['hooks'] = {'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'id -u; /bin/busybox mkdir /tmp/x; /bin/busybox grep -E \"^(CapEff|Seccomp|NoNewPrivs):\" /proc/self/status; exit 1']}]}"
run 1 'the rights of startContainer' --err 1000 --err 'Input/output error' --err 'CapEff:\x090000000000000000' --err 'NoNewPrivs:\x091' --err 'Seccomp:\x092' -- oci run -b "$bundle" box
users='c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 700000, "size": 65536}]'
config "$users; c['hooks'] = {'createContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'cat /proc/self/uid_map; exit 1'], $paths}]}"
chown -R 700000:700000 "$bundle/rootfs"
run 1 'createContainer in a user namespace' --err 700000 -- oci run -b "$bundle" box
rm -rf "$bundle/rootfs"

# Failures: an error with the hook's own words, and nothing is left.
printf '#!/bin/sh\necho no >&2; exit 3\n' >"$work/hook"
for name in prestart createRuntime createContainer; do
  for verb in create run; do
    fails "$verb: $name fails" $verb "c['hooks'] = {'$name': [{'path': '/bin/true'}, {'path': '$work/hook'}]}" "$name hook '$work/hook': exit status 3: no"
    fails "$verb: $name is not there" $verb "c['hooks'] = {'$name': [{'path': '/nothere'}]}" /nothere 'No such file'
    fails "$verb: $name is killed" $verb "c['hooks'] = {'$name': [{'path': '/bin/sh', 'args': ['sh', '-c', 'kill -9 \$\$']}]}" 'signal 9'
    fails "$verb: $name does not end" $verb "c['hooks'] = {'$name': [{'path': '/bin/sleep', 'args': ['sleep', '432104321'], 'timeout': 1}]}" "$name hook '/bin/sleep': still running after 1 s"
  done
done
fails 'run: startContainer fails' run "c['hooks'] = {'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'exit 5']}]}" "startContainer hook '/bin/sh': exit status 5"
fails 'run: startContainer is not there' run "c['hooks'] = {'startContainer': [{'path': '$work/hook'}]}" "startContainer hook '$work/hook': No such file"
for each in 'echo no; exit 4|exit status 4: no' 'sleep 432104321|still running after 1 s'; do
  config "c['process']['args'] = ['touch', '/ran']; c['root']['readonly'] = False; c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'pid']
c['hooks'] = {'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'exec 2>&1; ${each%%|*}'], 'env': ['PATH=/bin'], 'timeout': 1}]}"
  run 0 'create runs no hook of the start' -- oci create -b "$bundle" box
  run 1 'start fails with it' --err 'startContainer hook' --err "${each#*|}" -- oci start box
  run 0 'the container has stopped' --out '"status":"stopped"' -- oci state box
  run 0 'and is deleted' -- oci delete box
done
is_gone() { ! is_left "$1"; }
wait_for is_gone '[4]32104321'
if is_left '[4]32104321' >"$work/out"; then fail 'no hook is left' "$(cat "$work/out")"; else pass 'no hook is left'; fi
if [ -e "$bundle/rootfs/ran" ]; then fail 'the command did not run' ran; else pass 'the command did not run'; fi

# What hooks inside do about their end and their output.
config "c['hooks'] = {'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'head -c 5000000 /dev/zero; echo the end'], 'env': ['PATH=/bin']}]}; c['process']['args'] = ['echo', 'ran']"
run 0 'a hook with much to say' --out ran -- oci run -b "$bundle" box
config "c['hooks'] = {'startContainer': [{'path': '/bin/sh', 'args': ['sh', '-c', 'sleep 100 & echo started'], 'env': ['PATH=/bin']}]}; c['process']['args'] = ['echo', 'ran']"
run 0 'a hook that leaves a process behind' --out ran -- timeout 60 "$bothy" oci --root "$work/state" run -b "$bundle" box

# A killed `create` leaves what `delete --force` finds, and no process.
printf '#!/bin/sh\nkill -9 $PPID\n' >"$work/hook"
config "c['hooks'] = {'createRuntime': [{'path': '$work/hook'}]}; c['process']['args'] = ['sleep', '432204322']"
run 137 'a create that is killed' -- sh -c '"$@"' sh "$bothy" oci --root "$work/state" create -b "$bundle" box
run 0 'its delete' -- oci delete --force box
if find /sys/fs/cgroup -name box | grep . >"$work/out"; then fail 'leaves no cgroup' "$(cat "$work/out")"; else pass 'leaves no cgroup'; fi
if is_left '[4]32204322' >"$work/out"; then fail 'leaves no process' "$(cat "$work/out")"; else pass 'leaves no process'; fi
finish
