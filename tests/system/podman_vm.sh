#!/usr/bin/env bash
# Podman's containers as microVMs. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh

# Podman's monitor hands on no variable that names a kernel.
mkdir -p "$work/bin" "$work/lib/bothy"
ln "$bothy" "$work/bin/bothy"
ln -s bothy "$work/bin/bothy-vm"
ln -s "$PWD/$kernels/vmlinux" "$work/lib/bothy/vmlinux"
export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf
cat >"$CONTAINERS_CONF" <<CONF
[containers]
netns = "none"
log_driver = "k8s-file"
[engine]
runtime = "bothy-vm"
events_logger = "file"
cgroup_manager = "cgroupfs"
runtime_supports_json = ["bothy-vm"]
[engine.runtimes]
bothy-vm = ["$work/bin/bothy-vm"]
CONF
mkdir "$work/store"
mount -t tmpfs tmpfs "$work/store" # overlay doesn't stack on every file system
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/store" "$work/run" >"$CONTAINERS_STORAGE_CONF"
trap 'podman rm --all --force --time 0 >/dev/null 2>&1 || true; umount "$work/store"; rm -rf "$work"' EXIT

root=$work/root
mkdir -p "$root"/{bin,etc,tmp}
cp /bin/busybox "$root/bin"
for name in sh cat cp echo id kill ls nc ping sleep touch tty uname; do ln -s busybox "$root/bin/$name"; done
echo root:x:0:0::/:/bin/sh >"$root/etc/passwd"
echo joe:x:1000:1000::/:/bin/sh >>"$root/etc/passwd"
echo text >"$root/etc/not-a-program"
run 0 'the image' -- sh -c 'tar -C "$1" -c . | podman import - box' sh "$root"

run 37 'run' --out bothy -- podman run --rm box sh -c 'uname -r; exit 37'
run 127 'a command that is not there' --err 'executable file' -- podman run --rm box nothere
run 126 'one that is none' --err 'permission denied' -- podman run --rm box /etc/not-a-program
run 137 'a signal' -- podman run --rm box sh -c 'kill -KILL $$'
run 0 'a user' --out 'uid=1000(joe) gid=1000' -- podman run --rm --user joe box id
mkdir "$work/volume"
echo given >"$work/volume/in"
run 0 'a volume' --out given -- podman run --rm -v "$work/volume:/data" box sh -c 'cat /data/in && echo made >/data/out'
run 0 'both ways' --out made -- cat "$work/volume/out"
run 1 'read-only' --err 'Read-only' -- podman run --rm -v "$work/volume:/data:ro" box touch /data/more
run 1 'a read-only root' --err 'Read-only' -- podman run --rm --read-only box touch /more
run 0 'what engines put into it' --out 10.9.8.7 -- podman run --rm --add-host there:10.9.8.7 box cat /etc/hosts

run 0 'detached' -- podman run -d --name box -m 300m --cpus 2 box sh -c 'trap "exit 5" TERM; echo said; while :; do sleep 0.1; done'
wait_for sh -c 'podman logs box | grep -q said'
run 0 'exec' --out 'uid=0' -- podman exec box id
run 7 'its exit status' -- podman exec box sh -c 'exit 7'
run 127 'exec of nothing' -- podman exec box nothere
run 0 'exec with a terminal' --out /dev/pts/ -- podman exec -t box tty
run 0 'its input' --out typed -- sh -c 'echo typed | podman exec -i box cat'
run 0 'stats' --out box -- podman stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' box
run 0 'pause' -- podman pause box
run 0 'is paused' --out paused -- podman inspect --format '{{.State.Status}}' box
run 0 'unpause' -- podman unpause box
run 0 'what it writes' -- podman exec box cp /etc/not-a-program /tmp/copied
run 0 'cp out of' -- podman cp box:/tmp/copied "$work/back"
run 0 'is the same' --out text -- cat "$work/back"
echo brought >"$work/copied"
run 0 'cp into' -- podman cp "$work/copied" box:/tmp/brought
run 0 'is there' --out brought -- podman exec box cat /tmp/brought
run 0 'diff' --out '/tmp/copied' -- podman container diff box
run 0 'commit' -- podman commit -q box changed
run 0 'run of that' --out text -- podman run --rm changed cat /tmp/copied
run 0 'stop' -- podman stop -t 20 box
says 'with the exit status of the handler' 5 podman inspect --format '{{.State.ExitCode}}' box
run 0 'start again' -- podman start box
run 0 'kill' -- podman kill box
says 'wait' 137 podman wait box
run 0 'rm' -- podman rm box

ip netns add pod
ip link add eth0 netns pod type veth peer name tohost
ip address add 10.78.0.1/24 dev tohost
ip link set tohost up
ip -n pod address add 10.78.0.2/24 dev eth0
ip -n pod link set eth0 up
run 0 'a network' -- podman run --rm --network ns:/run/netns/pod box ping -c 1 -W 5 10.78.0.1
ip netns delete pod
run 0 'no record is left' --out '[]' -- "$bothy" oci list --format json
if pgrep -x virtiofsd >"$work/out"; then fail 'nothing is left' 'virtiofsd runs'; else pass 'nothing is left'; fi
finish
