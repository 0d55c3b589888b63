#!/usr/bin/env bash
# Docker with bothy as its runtime. As root, in a mount namespace.
#
#   docker.sh [--microvms]    with --microvms containers of bothy-vm as well
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin # Debian's own programs

# A daemon and a containerd of the test's own, without networks.
# The guests' kernel is where an installed bothy has it.
mkdir -p "$work/bin" "$work/lib/bothy" "$work/data"
ln "$bothy" "$work/bin/bothy"
for name in bothy-oci bothy-vm; do ln -s bothy "$work/bin/$name"; done
ln -s "$PWD/$kernels/vmlinux" "$work/lib/bothy/vmlinux"
mount -t tmpfs tmpfs "$work/data" # overlay doesn't stack on every file system
mount -t tmpfs tmpfs /run         # shims have their sockets there, whatever the configuration says
sed "s#@BOTHY_OCI@#$work/bin/bothy-oci#; s#@BOTHY_VM@#$work/bin/bothy-vm#" packaging/docker.json.in >"$work/daemon.json"
export DOCKER_HOST=unix://$work/docker.sock DOCKER_CONFIG=$work/client DOCKER_BUILDKIT=0
dockerd --config-file "$work/daemon.json" --default-runtime bothy --host "$DOCKER_HOST" --data-root "$work/data" --exec-root /run/docker \
  --pidfile "$work/pid" --bridge none --iptables=false --ip-forward=false --exec-opt native.cgroupdriver=cgroupfs >"$work/log" 2>&1 &
daemon=$!
shims() { pgrep -f -- 'containerd-shim-runc-v2 .*-address /run/docker/'; }
clean_up() {
  docker ps --all --quiet | xargs --no-run-if-empty docker rm --force >/dev/null 2>&1 || true
  kill "$daemon" || true
  wait "$daemon" || true
  umount -R "$work/data" /run || true
  rmdir /sys/fs/cgroup/docker 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
limited=
if grep -qw pids /sys/fs/cgroup/cgroup.controllers && grep -qw memory /sys/fs/cgroup/cgroup.controllers; then limited=yes; fi
wait_for docker version

config # makes the root
root=$bundle/rootfs
mkdir "$root"/{etc,tmp,data}
echo root:x:0:0::/:/bin/sh >"$root/etc/passwd"
echo text >"$root/etc/not-a-program"
# shellcheck disable=SC2016 # for the inner shell
run 0 'an image' -- sh -c 'tar -C "$1" -c . | docker import - box' sh "$root"
run 0 'bothy is the runtime' --out bothy -- docker info --format '{{.DefaultRuntime}}'
run 0 'doctor' --out "runtime 'bothy' is $work/bin/bothy-oci" -- sh -c '"$1" doctor --integration || true' sh "$bothy"

echo '== run'
run 0 'run' --out hello -- docker run --rm box echo hello
run 37 'the exit status' -- docker run --rm box sh -c 'exit 37'
run 127 'a command that is not there' --err 'executable file not found in $PATH' -- docker run --rm box nothere
run 126 'one that is none' --err 'permission denied' -- docker run --rm box /etc/not-a-program
run 0 'user' --out 'uid=1234 gid=5678' -- docker run --rm --user 1234:5678 box id
run 0 'a terminal' --out /dev/pts/0 -- script --quiet --return --command 'docker run --rm -it box ls -l /proc/self/fd/1' /dev/null
run 0 'standard input' --out 'given' -- sh -c 'echo given | docker run --rm -i box cat'
run 0 'an init' --out /sbin/docker-init -- docker run --rm --init box sh -c "tr '\0' ' ' </proc/1/cmdline"
run 1 'a read-only root' --err 'Read-only' -- docker run --rm --read-only box touch /tmp/file
run 0 'privileged' --out 'CapEff:' -- docker run --rm --privileged box sh -c 'while read -r line; do echo "$line"; done </proc/self/status'
mkdir "$work/volume"
run 0 'a directory' -- docker run --rm -v "$work/volume:/data" box sh -c 'echo made >/data/out'
run 0 'is written to' --out made -- cat "$work/volume/out"
run 1 'read-only' --err 'Read-only' -- docker run --rm -v "$work/volume:/data:ro" box touch /data/more
if [ -z "$limited" ]; then
  run 0 'a limit without its controller is left out by Docker' --err 'does not support memory limit' -- docker run --rm --memory 32m box true
else
  run 0 'a memory limit' --out 33554432 -- docker run --rm --memory 32m box cat /sys/fs/cgroup/memory.max
  run 137 'is kept' -- docker run --rm --memory 32m --memory-swap 32m box sh -c 'x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done'
fi

echo '== a service'
run 0 'detached' -- docker run -d --name box box sh -c 'trap "exit 5" TERM; echo said; while :; do sleep 0.1; done'
says 'is running' running docker inspect --format '{{.State.Status}}' box
wait_for sh -c 'docker logs box | grep said'
run 0 'exec' --out 'uid=0' -- docker exec box id
run 7 'its exit status' -- docker exec box sh -c 'exit 7'
# 126 of Docker 20.10, 127 of later ones.
run 0 'exec of nothing' --out 'executable file not found in $PATH' -- sh -c 'docker exec box nothere; case $? in 126 | 127) ;; *) exit 1 ;; esac'
run 0 'user of it' --out 'uid=1234 gid=5678' -- docker exec --user 1234:5678 box id
run 0 'exec with a terminal' --out /dev/pts/ -- script --quiet --return --command 'docker exec -it box ls -l /proc/self/fd/1' /dev/null
run 0 'top' --out sleep -- docker top box
run 0 'pause' -- docker pause box
says 'is paused' paused docker inspect --format '{{.State.Status}}' box
run 0 'unpause' -- docker unpause box
echo copied >"$work/copied"
run 0 'cp into' -- docker cp "$work/copied" box:/tmp/copied
run 0 'is there' --out copied -- docker exec box cat /tmp/copied
run 0 'cp out of' -- docker cp box:/tmp/copied "$work/back"
run 0 'is the same' -- cmp "$work/copied" "$work/back"
run 0 'diff' --out 'A /tmp/copied' -- docker diff box
run 0 'commit' -- docker commit box changed
run 0 'run of that' --out copied -- docker run --rm changed cat /tmp/copied
if [ -n "$limited" ]; then
  run 0 'stats' --out box -- docker stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' box
  run 0 'update' -- docker update --memory 64m --memory-swap 64m box
  run 0 'is a limit' --out 67108864 -- docker exec box cat /sys/fs/cgroup/memory.max
fi
run 0 'stop' -- docker stop -t 20 box
says 'with the exit status of the handler' 5 docker inspect --format '{{.State.ExitCode}}' box
run 0 'start again' -- docker start box
run 0 'kill' -- docker kill box
says 'wait' 137 docker wait box
run 0 'rm' -- docker rm box

if [ "${1:-}" = --microvms ]; then
  echo '== a microVM'
  in_vm() { docker run --runtime bothy-vm "$@"; }
  run 37 'run' --out "$(uname -s)" -- in_vm --rm box sh -c 'cat /proc/sys/kernel/ostype; exit 37'
  run 127 'a command that is not there' --err 'executable file not found in $PATH' -- in_vm --rm box nothere
  run 126 'one that is none' --err 'permission denied' -- in_vm --rm box /etc/not-a-program
  run 0 'a directory, standard input and a user' -- sh -c 'echo given | docker run --rm -i --runtime bothy-vm --user 1234:5678 -v "$1:/data" box sh -c "cat; id" >"$2"' sh "$work/volume" "$work/said"
  run 0 'are there' --out given --out 'uid=1234 gid=5678' -- cat "$work/said"
  run 0 'detached' -- in_vm -d --name box -v "$work/volume:/data" box sh -c 'trap "exit 5" TERM; echo said; while :; do sleep 0.1; done'
  wait_for sh -c 'docker logs box | grep said'
  run 7 'exec' --out made -- docker exec box sh -c 'cat /data/out; exit 7'
  run 0 'exec with a terminal' --out /dev/pts/ -- script --quiet --return --command 'docker exec -it box ls -l /proc/self/fd/1' /dev/null
  run 0 'pause' -- docker pause box
  says 'is paused' paused docker inspect --format '{{.State.Status}}' box
  run 0 'unpause' -- docker unpause box
  run 0 'cp into' -- docker cp "$work/copied" box:/tmp/copied
  run 0 'is there' --out copied -- docker exec box cat /tmp/copied
  run 0 'diff' --out 'A /tmp/copied' -- docker diff box
  run 0 'stop' -- docker stop -t 20 box
  says 'with the exit status of the handler' 5 docker inspect --format '{{.State.ExitCode}}' box
  run 0 'rm' -- docker rm box
fi

echo '== build'
mkdir "$work/context"
printf 'FROM box\nRUN echo built >/built && ls -d /proc/1\nCMD ["cat", "/built"]\n' >"$work/context/Dockerfile"
run 0 'build' --out 'Successfully built' -- docker build --network none --tag built "$work/context"
run 0 'run of it' --out built -- docker run --rm built
printf 'FROM box\nRUN exit 9\n' >"$work/context/Dockerfile"
run 9 'a step that fails' --err 'returned a non-zero code: 9' -- docker build --network none "$work/context"

echo '== two services'
run 0 'a volume' -- docker volume create shared
run 0 'one writes' -- docker run -d --name writer --ipc shareable -v shared:/data box sh -c 'n=0; while :; do n=$((n + 1)); echo "$n" >/data/count; sleep 0.1; done'
run 0 'one reads' -- docker run -d --name reader -v shared:/data:ro --ipc container:writer --pid container:writer box \
  sh -c 'while :; do cat /data/count; sleep 0.1; done'
wait_for sh -c 'docker logs reader | grep 3'
run 0 'which sees the other' --out count -- docker exec reader ps
run 0 'stop' -- docker rm --force reader writer
run 0 'rm' -- docker volume rm shared

echo '== what is left'
no_shims() { ! shims; }
wait_for no_shims
says 'no record' '[]' "$bothy" oci --root /run/docker/runtime-runc/moby list --format json
says 'no mount' '' sh -c 'grep "$1/overlay2/" /proc/self/mountinfo || true' sh "$work/data"
says 'no cgroup' '' find /sys/fs/cgroup -path '*/docker/*' -type d
finish
