#!/usr/bin/env bash
# containerd with bothy as its runtime: by ctr, and by CRI as the kubelet calls it. As root, in a mount namespace.
#
#   containerd.sh [--microvms]    with --microvms what ctr does is done by bothy-vm as well
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin # Debian's own programs, of which Python has python3-grpcio

# The guests' kernel is where an installed bothy has it.
mkdir -p "$work/bin" "$work/lib/bothy"
ln "$bothy" "$work/bin/bothy"
for name in bothy-oci bothy-vm; do ln -s bothy "$work/bin/$name"; done
ln -s "$PWD/$kernels/vmlinux" "$work/lib/bothy/vmlinux"
mkdir "$work/logs" "$work/containerd"
mount -t tmpfs tmpfs "$work/containerd" # overlay doesn't stack on every file system
mount -t tmpfs tmpfs /run               # shims have their sockets there, whatever the configuration says
export CONTAINERD_ADDRESS=$work/containerd/socket

# Limits and a sandbox's CPU shares take controllers, and a lower OOM score CAP_SYS_RESOURCE.
limited='' no_cgroup=true
if grep -qw pids /sys/fs/cgroup/cgroup.controllers && grep -qw memory /sys/fs/cgroup/cgroup.controllers; then limited=yes no_cgroup=false; fi
cat >"$work/config.toml" <<CONF
version = 2
root = "$work/containerd/root"
state = "$work/containerd/state"
[grpc]
  address = "$CONTAINERD_ADDRESS"
[plugins."io.containerd.internal.v1.opt"]
  path = "$work/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "bothy.test/pause:latest"
  disable_cgroup = $no_cgroup
  restrict_oom_score_adj = true
CONF
sed "s#@BOTHY_OCI@#$work/bin/bothy-oci#; s#@BOTHY_VM@#$work/bin/bothy-vm#" packaging/containerd.toml.in >>"$work/config.toml"
containerd --config "$work/config.toml" >"$work/log" 2>&1 &
daemon=$!
shims() { pgrep -f -- "containerd-shim-runc-v2 .*-address $CONTAINERD_ADDRESS"; }
clean_up() {
  local id
  for id in $(shims); do pkill -KILL -P "$id" || true; done
  kill "$daemon" || true
  wait "$daemon" || true
  umount -R "$work/containerd" /run || true
  rmdir /sys/fs/cgroup/default /sys/fs/cgroup/k8s.io 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
wait_for ctr version

# image NAME COMMAND...: imported for both, as `docker save` makes it.
image() {
  local name=$1 files=$work/image
  shift
  mkdir -p "$files"
  tar -C "$bundle/rootfs" -cf "$files/layer.tar" .
  python3 - "$name" "$files" "$@" <<'PYTHON'
import hashlib, json, sys
name, files, *command = sys.argv[1:]
digest = hashlib.sha256(open(files + "/layer.tar", "rb").read()).hexdigest()
config = {"architecture": "amd64", "os": "linux", "config": {"Cmd": command, "Env": ["PATH=/bin"]},
          "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]}}
json.dump(config, open(files + "/config.json", "w"))
json.dump([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}], open(files + "/manifest.json", "w"))
PYTHON
  tar -C "$files" -cf "$work/image.tar" manifest.json config.json layer.tar
  ctr image import "$work/image.tar" && ctr --namespace k8s.io image import "$work/image.tar"
}
config # makes the root
mkdir "$bundle/rootfs/etc" && echo root:x:0:0::/:/bin/sh >"$bundle/rootfs/etc/passwd"
echo text >"$bundle/rootfs/etc/not-a-program"
run 0 'an image' --out 'done' -- image bothy.test/box:latest sh
run 0 'one for sandboxes' --out 'done' -- image bothy.test/pause:latest sleep 100000
doctor() { # CONFIGURATION
  mount --bind "$1" /etc/containerd/config.toml
  "$bothy" doctor --integration || true # other engines may lack bothy
  umount /etc/containerd/config.toml
}
run 0 'doctor' --out "runtime 'bothy' is $work/bin/bothy-oci" -- doctor "$work/config.toml"
sed '/runtimes.runc\]/,$d' "$work/config.toml" >"$work/one.toml"
run 0 'doctor, without the default runtime' --out "has no runtime 'runc', which is its default" -- doctor "$work/one.toml"

run_box() { # FLAG... -- ID COMMAND...
  local flags=()
  while [ "$1" != -- ]; do flags+=("$1") && shift; done
  shift
  ctr run --cpu-shares 0 --runc-binary "$work/bin/$runtime" "${flags[@]}" bothy.test/box:latest "$@"
}
on_terminal() { script --quiet --return --command "$1" /dev/null; }
by_ctr() {
  local runtime=$1
  echo "== ctr with $runtime"
  run 0 'run' --out hello -- run_box --rm -- a echo hello
  run 37 'the exit status' -- run_box --rm -- a sh -c 'exit 37'
  run 1 'a command that is not there' --err "can't run 'nothere': executable file not found in \$PATH" -- run_box --rm -- a nothere
  run 1 'one that is none' --err 'permission denied' -- run_box --rm -- a /etc/not-a-program
  run 0 'a terminal' --out /dev/pts/0 -- \
    on_terminal "ctr run --rm -t --cpu-shares 0 --runc-binary $work/bin/$runtime bothy.test/box:latest a ls -l /proc/self/fd/1"
  mkdir -p "$work/volume"
  run 0 'a volume' -- run_box --rm --mount "type=bind,src=$work/volume,dst=/data,options=rbind:rw" -- a sh -c 'echo made >/data/out'
  run 0 'is written to' --out made -- cat "$work/volume/out"

  run 0 'detached' -- run_box --detach -- box sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done'
  run 0 'is running' --out RUNNING -- ctr task ls
  run 0 'exec' --out 'uid=0' -- ctr task exec --exec-id e box id
  run 0 'user' --out 'uid=1234 gid=5678' -- ctr task exec --user 1234:5678 --exec-id e box id
  run 7 'its exit status' -- ctr task exec --exec-id e box sh -c 'exit 7'
  run 1 'exec of nothing' --err 'executable file not found in $PATH' -- ctr task exec --exec-id e box nothere
  run 0 'exec with a terminal' --out /dev/pts/ -- on_terminal 'ctr task exec -t --exec-id e box ls -l /proc/self/fd/1'
  run 0 'ps' --out "$(ctr task ls | awk '$1 == "box" { print $2 }')" -- ctr task ps box
  run 0 'pause' -- ctr task pause box
  run 0 'is paused' --out PAUSED -- ctr task ls
  run 0 'resume' -- ctr task resume box
  run 0 'is running again' --out RUNNING -- ctr task ls
  if [ -n "$limited" ]; then run 0 'metrics' --out pids.current -- ctr task metrics box; fi
  run 0 'kill' -- ctr task kill --signal TERM box
  wait_for sh -c 'ctr task ls | grep STOPPED'
  run 0 'delete, with the exit status of the handler' --err 'exit code 5' -- ctr task delete box
  run 0 'and the container' -- ctr container delete box
  run 0 'one to be killed' -- run_box --detach -- box sleep 1000
  run 0 'kill it' -- ctr task kill --signal KILL box
  wait_for sh -c 'ctr task ls | grep STOPPED'
  run 0 'its exit status' --err 'exit code 137' -- ctr task delete box
  run 0 'and the container' -- ctr container delete box
  rm -r "$work/volume"
}
by_ctr bothy-oci
if [ "${1:-}" = --microvms ]; then by_ctr bothy-vm; fi
runtime="bothy-oci"
if [ -z "$limited" ]; then
  run 1 'shares that this host cannot set' --err "can't set the CPU shares" -- run_box --rm --cpu-shares 512 -- a true
else
  run 137 'a memory limit' -- run_box --rm --memory-limit 33554432 -- a sh -c 'x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done'
fi

echo '== CRI'
cri() { python3 tests/system/oci/cri.py "$CONTAINERD_ADDRESS" "$@"; } # METHOD [JSON] [--get FIELD]
cri_says() { cri "${@:2}" | grep "$1"; }
wait_for cri_says box.*pause ListImages
host='"security_context":{"namespace_options":{"network":2}}' # there are no CNI plugins
sandbox='{"metadata":{"name":"pod","uid":"1","namespace":"default"},"log_directory":"'$work/logs'","linux":{'$host'}}'
container() { # NAME COMMAND
  python3 - "$pod" "$sandbox" "$host" "${limited:-}" "$@" <<'PYTHON'
import json, sys
pod, sandbox, host, limited, name, command = sys.argv[1:]
linux = json.loads("{" + host + "}")
if limited:
    linux["resources"] = {"memory_limit_in_bytes": 64 << 20, "cpu_shares": 512}
print(json.dumps({"pod_sandbox_id": pod, "sandbox_config": json.loads(sandbox), "config": {
    "metadata": {"name": name}, "image": {"image": "bothy.test/box:latest"}, "command": ["sh", "-c", command],
    "envs": [{"key": "GREETING", "value": "hello"}], "log_path": name + ".log", "linux": linux}}))
PYTHON
}
run 0 'a sandbox' -- cri RunPodSandbox --get pod_sandbox_id '{"runtime_handler":"bothy","config":'"$sandbox"'}'
pod=$(cat "$work/out")
run 0 'a sandbox of a handler for microVMs, which stays a process' -- \
  cri RunPodSandbox --get pod_sandbox_id '{"runtime_handler":"bothy-vm","config":'"${sandbox/pod/vm}"'}'
run 0 'its removal' -- cri RemovePodSandbox '{"pod_sandbox_id":"'"$(cat "$work/out")"'"}'
run 1 'a handler that is unknown' --err 'no runtime for "other"' -- cri RunPodSandbox '{"runtime_handler":"other","config":'"${sandbox/pod/pod2}"'}'
run 0 'a container' -- cri CreateContainer --get container_id "$(container one 'trap "exit 5" TERM; echo $GREETING; while :; do sleep 0.1; done')"
id=$(cat "$work/out")
one='{"container_id":"'$id'"}'
run 0 'is created' --out '"state": 0' -- cri ContainerStatus "$one"
run 0 'start' -- cri StartContainer "$one"
run 0 'is running' --out '"state": 1' -- cri ContainerStatus "$one"
run 0 'bothy has both' --out "$pod" --out "$id" -- "$bothy" oci --root /run/containerd/runc/k8s.io list
run 0 'exec' --out '{"stdout": "out\n", "stderr": "err\n", "exit_code": 7}' -- \
  cri ExecSync '{"container_id":"'"$id"'","cmd":["sh","-c","echo out; echo err >&2; exit 7"]}'
run 1 'exec of nothing' --err 'executable file not found in $PATH' -- cri ExecSync '{"container_id":"'"$id"'","cmd":["nothere"]}'
wait_for grep -q 'stdout F hello' "$work/logs/one.log"
run 0 'a second one' -- cri CreateContainer --get container_id "$(container two 'exit 3')"
two='{"container_id":"'$(cat "$work/out")'"}'
run 0 'start' -- cri StartContainer "$two"
wait_for cri_says '"state": 2' ContainerStatus "$two"
run 0 'its exit status' --out '"exit_code": 3' --out '"reason": "Error"' -- cri ContainerStatus "$two"
if [ -n "$limited" ]; then
  memory_of() {
    local pid
    pid=$(ctr --namespace k8s.io task ls | awk -v id="$1" '$1 == id { print $2 }')
    cat "/sys/fs/cgroup$(sed -n s/^0:://p "/proc/$pid/cgroup")/memory.max"
  }
  says 'a limit' $((64 << 20)) memory_of "$id"
  run 0 'update' -- cri UpdateContainerResources '{"container_id":"'"$id"'","linux":{"memory_limit_in_bytes":'$((48 << 20))'}}'
  says 'the limit is another' $((48 << 20)) memory_of "$id"
fi
run 0 'stop' -- cri StopContainer '{"container_id":"'"$id"'","timeout":20}'
run 0 'with the exit status of the handler' --out '"exit_code": 5' -- cri ContainerStatus "$one"
run 0 'remove' -- cri RemoveContainer "$one"
run 0 'stop of the sandbox' -- cri StopPodSandbox '{"pod_sandbox_id":"'"$pod"'"}'
run 0 'its removal, with the other container' -- cri RemovePodSandbox '{"pod_sandbox_id":"'"$pod"'"}'
says 'no container' '{"containers": []}' cri ListContainers
says 'no sandbox' '{"items": []}' cri ListPodSandbox

echo '== what is left'
no_shims() { ! shims; }
wait_for no_shims
for namespace in default k8s.io; do
  says "no record of $namespace" '[]' "$bothy" oci --root "/run/containerd/runc/$namespace" list --format json
done
says 'no mount' '' sh -c 'grep "$1" /proc/self/mountinfo | grep -v " $1 " || true' sh "$work/containerd"
says 'no cgroup' '' find /sys/fs/cgroup \( -path '*/default/*' -o -path '*/k8s.io/*' \) -type d
finish
