#!/usr/bin/env bash
# Where containers differ from microVMs (docs/isolation.md), and the flags that they alone have. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
isolation=container
. tests/system/instances.sh

import_image
for name in dd df nproc readlink tr; do ln -sf busybox "$work/root/bin/$name"; done
run 0 'the image, with more programs' -- "$bothy" image import "$work/root" --name bb
says "the host's kernel" "$(uname -r)" once bb uname -r
says 'the command is PID 1' 1 once bb sh -c 'echo $$'
says 'or, with an init, PID 2' 2 once --init bb sh -c 'echo $$'
says 'whose orphans are reaped' 'no zombie' once --init bb sh -c 'sh -c "sh -c \"exit 0\" & exit 0"; sleep 0.3; grep -l "^State:.Z" /proc/[0-9]*/status || echo no zombie'
run 143 'and signals passed on' -- timeout --preserve-status -s TERM 3 "$bothy" run --rm --init --network none bb sleep 1000
says "the host's processors" "$(nproc)" once bb nproc
says 'no tracer, no other descriptor' '0 1 2 3' once bb sh -c 'echo $(ls /proc/self/fd)'
for flag in --kernel=x --modules=x --cpu-features=+vmx --core-scheduling --network-rx-bps=1M; do
  run 125 "$flag is for microVMs" --err "${flag%%=*}: not available with --isolation container" -- once $flag bb true
done
run 125 '--network tap= is for microVMs' --err 'tap' -- "$bothy" run --rm --network tap=tap0 bb true
for flag in --userns=host --cap-add=ALL --cap-drop=ALL --security-opt=seccomp=unconfined --device=/dev/null --privileged \
  --sysctl=net.ipv4.ip_forward=1 --shm-size=1M --device-read-bps=/dev/vda:1M --device-write-iops=/dev/vda:9; do
  run 125 "$flag is for containers" --err "${flag%%=*}: not available with --isolation vm" -- once --isolation vm "$flag" bb true
done

ln -s ../run/systemd/resolve/stub-resolv.conf "$work/root/etc/resolv.conf"
run 0 'an image with a link to a file that it lacks' -- "$bothy" image import "$work/root" --name linked
says 'where a file is mounted' 'nameserver 192.0.2.53' "$bothy" run --rm --dns 192.0.2.53 --network host linked cat /etc/resolv.conf
rm "$work/root/etc/resolv.conf"

for network in host ns:/proc/self/ns/net; do
  run 125 "--network $network is for containers" --err 'not available with --isolation vm' -- \
    "$bothy" run --rm --isolation vm --network $network bb true
done
run 125 'a part of a processor is for containers' --err '--cpus' -- once --isolation vm --cpus 0.5 bb true
run 0 'which have it' -- once --cpus 0.5 bb true
says "the host's memory" "$(grep MemTotal /proc/meminfo)" once bb grep MemTotal /proc/meminfo

# Users.
says 'root inside is not root outside' yes once bb sh -c 'set -- $(cat /proc/self/uid_map); [ $2 -ge 524288 ] && [ $3 -eq 65536 ] && echo yes'
says 'unless the ids are to be those of the host' 0 once --userns host bb sh -c 'set -- $(cat /proc/self/uid_map); echo $2'
first=$("$bothy" run -d --network none --name first bb sleep 1000)
says 'each container has a range of its own' differ sh -c 'a=$("$1" exec first cat /proc/self/uid_map); b=$("$1" run --rm --network none bb cat /proc/self/uid_map); [ "$a" != "$b" ] && echo differ' sh "$bothy"
run 0 "and 'rm -f' ends it" -- "$bothy" rm -f "$first"
mkdir "$work/volume" && chown 1000:1000 "$work/volume"
says 'a volume has the owners of the host' '1000 0' once -v "$work/volume:/v" bb sh -c 'touch /v/new; echo $(stat -c %u /v /v/new)'
says 'on both sides' 0 stat -c %u "$work/volume/new"

# Capabilities, seccomp, devices, parameters.
says 'capabilities' 00000000800405fb once bb sh -c 'set -- $(grep CapEff /proc/self/status); echo $2'
says 'none of them' 0000000000000000 once --cap-drop ALL bb sh -c 'set -- $(grep CapEff /proc/self/status); echo $2'
run 125 'an unknown capability' --err 'bogus' -- once --cap-add bogus bb true
says 'a filter' 2 once bb sh -c 'grep "^Seccomp:" /proc/self/status | tr -dc 0-9'
says 'or none' 0 once --security-opt seccomp=unconfined bb sh -c 'grep "^Seccomp:" /proc/self/status | tr -dc 0-9'
says 'no new privileges' 1 once --security-opt no-new-privileges bb sh -c 'grep NoNewPrivs /proc/self/status | tr -dc 0-9'
run 1 'mount is denied' -- once bb mount -t tmpfs none /tmp
run 1 '/proc/sys is read-only' --err 'Read-only' -- once bb sh -c 'echo x >/proc/sys/kernel/domainname'
says 'a parameter of its namespaces' 1 once --sysctl net.ipv4.ip_forward=1 bb cat /proc/sys/net/ipv4/ip_forward
run 125 'not one of the host' --err kernel.core_pattern -- once --sysctl kernel.core_pattern=x bb true
says 'the size of /dev/shm' 8192 once --shm-size 8M bb sh -c 'set -- $(df -k /dev/shm | grep /dev/shm); echo $2'
run 1 'a device that is not there' -- once --userns host bb sh -c 'dd if=/dev/net/tun bs=1 count=0'
run 0 'unless it is given' -- once --userns host --device /dev/net/tun bb sh -c 'dd if=/dev/net/tun bs=1 count=0'
mknod -m 660 "$work/node" c 1 3
chown 0:1000 "$work/node"
mknod -m 660 "$work/block" b 7 0
for userns in auto host; do
  says "a device of root's belongs to the container's root: $userns" '660 0 0 0' once --userns $userns --device "$work/node:/dev/node" bb \
    sh -c 'echo lost >/dev/node; echo $(stat -c "%a %u %g" /dev/node) $(wc -c </dev/node)'
done
run 1 'and to nobody else' --err 'Permission denied' -- once -u alice --device "$work/node:/dev/node" bb cat /dev/node
run 1 'with the access that is given' --err 'Operation not permitted' -- once --device "$work/block:/dev/block:m" bb cat /dev/block

# Networks.
says 'no network but the loopback' lo once bb sh -c 'echo $(ls /sys/class/net)'
says "the host's network" "$(readlink /proc/self/ns/net)" "$bothy" run --rm --network host bb readlink /proc/self/ns/net
unshare --net sleep 100 &
other=$!
sleep 0.2
says 'a network namespace' "$(readlink /proc/$other/ns/net)" "$bothy" run --rm --network "ns:/proc/$other/ns/net" bb readlink /proc/self/ns/net
kill $other
run 125 'one that is not there' --err nothere -- "$bothy" run --rm --network ns:/nothere bb true

# Limits. Memory has a controller on this host, be it of v1 or v2.
run 137 'memory' -- once -m 16M --tmpfs /big bb sh -c 'dd if=/dev/zero of=/big/x bs=1M count=64; exit $?'
id=$("$bothy" run -d -m 64M --network none bb sleep 1000)
run 0 'a container has a cgroup' --out "$id" -- find /sys/fs/cgroup -type d -name "$id"
run 0 'and is ended' -- "$bothy" rm -f "$id"
wait_for_unmount "$work"
if find /sys/fs/cgroup -type d -name "$id" | grep . >"$work/out" || grep -q "$work" /proc/mounts; then
  fail 'no cgroup or mount is left' "$(cat "$work/out"; grep "$work" /proc/mounts)"
else
  pass 'no cgroup or mount is left'
fi
finish
