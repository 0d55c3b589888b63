#!/usr/bin/env bash
# Podman with bothy as its runtime, with both of its cgroup managers. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/oci/systemd.sh
inside_systemd "$0" "$@"
. tests/system/lib.sh
. tests/system/oci/bundle.sh

# Without a network, the host's settings and a journal.
ln -s "$bothy" "$work/bothy-oci"
export CONTAINERS_CONF=$work/containers.conf CONTAINERS_STORAGE_CONF=$work/storage.conf
sed "s#@BOTHY_OCI@#$work/bothy-oci#; s#@BOTHY_VM@#$work/bothy-vm#" packaging/containers.conf.in >"$CONTAINERS_CONF"
# Podman's default is 2048 processes, which takes the controller.
limited=
if grep -qw pids /sys/fs/cgroup/cgroup.controllers && grep -qw memory /sys/fs/cgroup/cgroup.controllers; then limited=yes; fi
cat >>"$CONTAINERS_CONF" <<CONF
[containers]
netns = "none"
log_driver = "k8s-file"
${limited:-pids_limit = 0}
CONF
sed -i 's/^yes$//; /^\[engine\]$/a runtime = "bothy"\nevents_logger = "file"\ninfra_image = "localhost/infra"' "$CONTAINERS_CONF"
mkdir "$work/store"
mount -t tmpfs tmpfs "$work/store" # overlay doesn't stack on every file system
printf '[storage]\ndriver = "overlay"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/store" "$work/run" >"$CONTAINERS_STORAGE_CONF"
trap 'podman rm --all --force --time 0 >/dev/null 2>&1 || true; umount "$work/store"; rm -rf "$work"' EXIT

root=$work/root
mkdir -p "$root"/{bin,etc,tmp,data}
cp /bin/busybox "$root/bin"
for name in sh true cat echo id ls sleep test touch wc; do ln -s busybox "$root/bin/$name"; done
echo root:x:0:0::/:/bin/sh >"$root/etc/passwd"
echo text >"$root/etc/not-a-program"
run 0 'the image' -- sh -c 'tar -C "$1" -c . | podman import - box' sh "$root"
run 0 'that of pods' -- sh -c 'tar -C "$1" -c . | podman import --change "CMD [\"/bin/sleep\", \"100000\"]" - infra' sh "$root"

run 0 'doctor' --out "runtime 'bothy' is $work/bothy-oci" -- sh -c '"$1" doctor --integration || true' sh "$bothy"
run 0 'doctor without the settings' --out 'add to /etc/containers' -- env CONTAINERS_CONF=/dev/null sh -c '"$1" doctor --integration || true' sh "$bothy"

# Two containers that share a volume, as Kubernetes describes them.
cat >"$work/pod.yaml" <<'YAML'
apiVersion: v1
kind: Pod
metadata: {name: pod}
spec:
  hostNetwork: true
  restartPolicy: Never
  volumes: [{name: shared, emptyDir: {}}]
  containers:
  - {name: writer, image: localhost/box, command: [sh, -c, "echo written >/shared/file; while :; do sleep 0.1; done"], volumeMounts: [{name: shared, mountPath: /shared}]}
  - {name: reader, image: localhost/box, command: [sh, -c, "while ! cat /shared/file; do sleep 0.1; done; exit 5"], volumeMounts: [{name: shared, mountPath: /shared}]}
YAML

for manager in cgroupfs systemd; do
  echo "== $manager"
  pod() { podman --cgroup-manager "$manager" "$@"; }
  run 0 'bothy is the runtime' --out "bothy $manager" -- pod info --format '{{.Host.OCIRuntime.Name}} {{.Host.CgroupManager}}'
  run 0 'run' --out hello -- pod run --rm box echo hello
  run 37 'the exit status' -- pod run --rm box sh -c 'exit 37'
  run 127 'a command that is not there' --err 'executable file' -- pod run --rm box nothere
  run 126 'one that is none' --err 'permission denied' -- pod run --rm box /etc/not-a-program
  run 0 'user' --out 'uid=1234(1234) gid=5678' -- pod run --rm --user 1234:5678 box id
  run 0 'a terminal' --out /dev/pts/0 -- pod run --rm -t box sh -c 'ls -l /proc/self/fd/1'
  mkdir "$work/volume"
  echo given >"$work/volume/in"
  run 0 'a volume' --out given -- pod run --rm -v "$work/volume:/data" box sh -c 'cat /data/in && echo made >/data/out'
  run 0 'both ways' --out made -- cat "$work/volume/out"
  run 1 'read-only' --err 'Read-only' -- pod run --rm -v "$work/volume:/data:ro" box touch /data/more
  rm -r "$work/volume"

  run 0 'detached' -- pod run -d --name box box sh -c 'trap "exit 5" TERM; echo said; while :; do sleep 0.1; done'
  run 0 'is running' --out running -- pod inspect --format '{{.State.Status}}' box
  wait_for sh -c 'podman logs box | grep -q said'
  run 0 'exec' --out 'uid=0' -- pod exec box id
  run 7 'its exit status' -- pod exec box sh -c 'exit 7'
  run 127 'exec of nothing' -- pod exec box nothere
  run 0 'exec with a terminal' --out /dev/pts/ -- pod exec -t box sh -c 'ls -l /proc/self/fd/1'
  run 0 'top' --out sleep -- pod top box args
  run 0 'pause' -- pod pause box
  run 0 'is paused' --out paused -- pod inspect --format '{{.State.Status}}' box
  run 0 'unpause' -- pod unpause box
  echo copied >"$work/copied"
  run 0 'cp into' -- pod cp "$work/copied" box:/tmp/copied
  run 0 'is there' --out copied -- pod exec box cat /tmp/copied
  run 0 'cp out of' -- pod cp box:/tmp/copied "$work/back"
  run 0 'is the same' -- cmp "$work/copied" "$work/back"
  run 0 'diff' --out '/tmp/copied' -- pod container diff box
  run 0 'commit' -- pod commit -q box changed
  run 0 'run of that' --out copied -- pod run --rm changed cat /tmp/copied
  if [ -n "$limited" ]; then
    run 0 'stats' --out box -- pod stats --no-stream --format '{{.Name}} {{.MemUsage}} {{.PIDs}}' box
    run 0 'update' -- pod update --memory 64m box
    run 0 'is a limit' --out 67108864 -- sh -c 'cat "/sys/fs/cgroup$(sed -n s/^0:://p "/proc/$(podman inspect --format "{{.State.Pid}}" box)/cgroup")/memory.max"'
  fi
  run 0 'stop' -- pod stop -t 20 box
  says 'with the exit status of the handler' 5 pod inspect --format '{{.State.ExitCode}}' box
  run 0 'start again' -- pod start box
  run 0 'kill' -- pod kill box
  says 'wait' 137 pod wait box
  run 0 'rm' -- pod rm box
  if [ -n "$limited" ]; then
    run 0 'a memory limit' --out 33554432 -- pod run --rm --memory 32m box cat /sys/fs/cgroup/memory.max
    run 137 'is kept' -- pod run --rm --memory 32m --memory-swap 32m box sh -c 'x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done'
  fi

  # With cgroupfs Podman 4.3 itself makes a pod's cgroup, which denies each device: crun can't start there either.
  if [ "$manager" = systemd ]; then
    run 0 'play kube' --out Containers -- pod play kube "$work/pod.yaml"
    says 'one container has the other one'"'"'s file' 5 pod wait pod-reader
    says 'and has said so' written pod logs pod-reader
    run 0 'the pod runs on' --out Degraded -- pod pod ps
    run 0 'exec in it' --out written -- pod exec pod-writer cat /shared/file
    run 0 'play kube --down' -- pod play kube --down "$work/pod.yaml"
    run 0 'its volume' -- pod volume rm --all --force
  fi
  run 0 'no record is left' --out '[]' -- "$bothy" oci list --format json
done
finish
