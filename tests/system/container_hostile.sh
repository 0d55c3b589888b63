#!/usr/bin/env bash
# Hostile containers: what their processes, images and configurations must not reach. Each probe runs in a container, and also in
# one without the wall in question, where it has to notice that. Requires root, strace and python3.
#
#   container_hostile.sh --prepare    builds the probe
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/container/lib.sh
if [ "${1:-}" = --prepare ]; then
  build_probe
  exit
fi

import_hostile_image
new_root
detached default bb sleep 1000
detached host --userns host bb sleep 1000 # root there is the host's

# The launcher's descriptors and working directory (CVE-2024-21626).
holds 'descriptors' once bb probe descriptors 7</ 8<"$bothy"
holds 'descriptors of exec' inside default probe descriptors 7</
notices 'descriptors' oci_run --preserve-fds 1 -- pass probe descriptors 3</
notices 'a directory' oci_run --preserve-fds 1 -- pass probe directory /proc/self/fd/3 3</
ways_out=0
for number in $(seq 3 40); do
  once --userns host -w "/proc/self/fd/$number" bb probe directory >"$work/out" 2>&1 || [ $? -ne 3 ] || ways_out=$((ways_out + 1))
  inside -w "/fds/$number" host probe directory >"$work/out" 2>&1 || [ $? -ne 3 ] || ways_out=$((ways_out + 1))
done
if [ $ways_out -eq 0 ]; then pass 'holds:   working directories'; else fail 'working directories' "$ways_out lead outside"; fi

# Our executable (CVE-2019-5736): /bin/self is a link to /proc/self/exe, /bin/script is for it as interpreter. What that leads to is
# the stage's file in memory, which does nothing a second time.
sum=$(sha256sum <"$bothy")
for name in default host; do
  for program in self script; do
    inside $name rm -f /ready /stop
    inside $name probe executable >"$work/watch" 2>&1 &
    watcher=$!
    until inside $name test -e /ready; do :; done
    for _ in $(seq 100); do
      kill -0 $watcher 2>/dev/null || break
      inside $name $program help >"$work/out" 2>&1 || true
    done
    inside $name touch /stop
    holds "our executable, as /bin/$program: $name" wait $watcher
  done
done
notices 'an executable' once --userns host -v "$bothy:/bothy" bb probe writable /bothy
run 127 'as the entrypoint, it does nothing' -- once --userns host --entrypoint /bin/self bb --version
run 127 'as that of a bundle' -- oci_run -- pass /bin/self --version
holds 'the init of a container' once --init --userns host bb probe writable /proc/1/exe
says 'our executable is unchanged' "$sum" sh -c 'sha256sum <"$1"' sh "$bothy"

# Targets of mounts behind links (CVE-2021-30465, CVE-2024-45310): /out and /up lead to $outside, which the image lacks.
for target in /out /up /out/made /up/made/deep; do
  says "a volume on $target" 'of the volume' once --userns host -v "$work/volume:$target" bb cat "$target/file"
  run 0 "that of a bundle" -- oci_run -- \
    "c['mounts'].append({'destination': '$target', 'source': '$work/volume', 'options': ['rbind']}); c['root']['readonly'] = False" true
done
says 'a volume behind a link' 'of the volume' once --userns host -v "$work/volume:/link/made" bb cat /home/made/file
nothing_outside 'volumes behind links'
mkdir -p "$work/shared/a"
ln -s "$outside" "$work/shared/b"
detached exchange -v "$work/shared:/s" bb probe exchange /s/a /s/b
for _ in $(seq 40); do
  once --userns host -v "$work/shared:/s" -v "$work/volume:/s/a/made/deep" bb true >"$work/out" 2>&1 || true
done
nothing_outside 'volumes on links that change'
for _ in $(seq 2000); do
  mkdir -p "$work/shared/a/made" 2>/dev/null || true
  [ ! -e "$outside/made" ] || break
done
run 0 'notices: links that change' -- find "$outside/made" -delete
run 0 'its end' -- "$bothy" rm -f exchange

# Masks and read-only paths, also with a /dev/null of the image's (CVE-2025-31133).
hidden=(/proc/interrupts /proc/kcore /proc/keys /proc/timer_list /sys/firmware)
holds 'masks' once bb probe masked "${hidden[@]}" /proc/acpi /proc/scsi /sys/devices/virtual/powercap
holds 'masks of exec' inside default probe masked "${hidden[@]}"
notices 'masks' once --security-opt systempaths=unconfined bb probe masked "${hidden[@]}"
notices 'masks of a bundle' oci_run -- 'c["linux"]["maskedPaths"] = []' probe masked "${hidden[@]}"
for null in 'ln -s ../etc/passwd' 'ln -s /proc/sys/kernel/core_pattern' 'cp /etc/passwd' 'mkdir'; do
  new_root
  $null "$work/bundle/rootfs/dev/null"
  holds "masks with $null /dev/null" oci_run -- 'without("/dev", "/dev/pts")' probe masked "${hidden[@]}"
done
new_root
settings=(/proc/sys /proc/irq /proc/bus /sys)
holds 'settings' once bb probe settings "${settings[@]}"
holds 'settings with the ids of the host' once --userns host bb probe settings "${settings[@]}"
holds 'settings of exec' inside host probe settings "${settings[@]}"
holds 'settings of a bundle' oci_run -- pass probe settings "${settings[@]}"
notices 'settings' once --userns host --privileged bb probe settings "${settings[@]}"
notices 'settings of a bundle' oci_run -- 'c["linux"]["readonlyPaths"] = []' probe settings "${settings[@]}"

# A console that isn't ours (CVE-2025-52565).
holds 'the console' typed "$bothy" run --rm -it --network none bb probe console
holds 'the console of exec' typed "$bothy" exec -it default probe console
notices 'the console' once bb probe console
detached mounts --cap-add SYS_ADMIN bb sleep 1000
run 0 'a container without /dev/pts' -- inside mounts sh -c 'umount /dev/pts && mkfifo /dev/pts/ptmx'
run 125 'a terminal there' --out terminal -- timeout 20 script -qec "$bothy exec -it mounts true" /dev/null
run 0 'its end' -- "$bothy" rm -f mounts

# Labels and sysctls go to the kernel's own proc, whatever the container has on /proc (CVE-2019-19921, CVE-2025-52881).
fake=$work/fake
mkdir -p "$fake"/self/attr/apparmor "$fake"/sys/kernel
touch "$fake"/self/attr/{exec,apparmor/exec} "$fake/sys/kernel/msgmax"
fake_proc=(--userns host -v "$fake:/proc")
holds 'sysctls' once "${fake_proc[@]}" --sysctl kernel.msgmax=12345 bb probe message-limit 12345
notices 'sysctls' once "${fake_proc[@]}" bb probe message-limit 12345
for label in label=system_u:system_r:x:s0 apparmor=x; do
  run 1 "labels: $label" --err "can't set the" -- failing once "${fake_proc[@]}" --security-opt $label bb true
done
says 'nothing is written there' '' find "$fake" -type f -size +0
for name in user.max_user_namespaces kernel.core_pattern kernel.modprobe vm.overcommit_memory fs.file-max net/../kernel/core_pattern; do
  run 125 "the sysctl $name" --err "$name" --err 'whole host' -- once --sysctl $name=1 bb true
  run 1 'in a bundle' --err "$name" -- oci_run -- "c['linux']['sysctl'] = {'$name': '1'}" true
done
run 125 'a sysctl of a network that is shared' --err 'no network namespace of its own' -- once --network host --sysctl net.ipv4.ip_forward=1 bb true

# A root whose /dev, /proc or /sys is a link to outside (CVE-2026-41579), and files of /etc that are.
for name in dev proc sys; do
  new_root
  rmdir "$work/bundle/rootfs/$name"
  ln -s "$outside" "$work/bundle/rootfs/$name"
  run 1 "a root whose /$name leads outside" --err "/$name" -- oci_run -- pass true
  ln -sfn home "$work/bundle/rootfs/$name"
  holds "or leads inside" oci_run -- pass true
done
new_root
cp -a "$work/root" "$work/links"
rm "$work/links/etc/passwd"
mkfifo "$work/links/etc/passwd"
ln -s "$outside/hosts" "$work/links/etc/hosts"
run 0 'an image whose /etc/hosts leads outside' -- timeout 20 "$bothy" run --rm --network none "$work/links" true
nothing_outside 'roots with links'

# Capabilities (CVE-2022-27650), ids and groups.
bounding=800405fb
holds 'capabilities' once bb probe capabilities $bounding
holds 'capabilities of exec' inside host probe capabilities $bounding
holds 'capabilities of a user in exec' inside -u alice host sh -c 'grep -q "CapEff:.0000000000000000" /proc/self/status'
notices 'capabilities' once --privileged bb probe capabilities $bounding
notices 'inheritable capabilities' oci_run -- 'c["process"]["capabilities"]["inheritable"] = ["CAP_CHOWN"]' probe capabilities ffffffffff
holds 'ids' once bb probe ids
notices 'ids' once --userns host bb probe ids
says 'no groups of the launcher' 0 setpriv --groups 4,24 "$bothy" run --rm --network none bb id -G
says 'groups of a bundle' '0 4' oci_run -- 'c["process"]["user"]["additionalGids"] = [4]' id -G

# The launcher's session keyring.
holds 'keys' $probe with-key hostile "$bothy" run --rm --network none --userns host --security-opt seccomp=unconfined bb probe key hostile
run 0 'a container with calls for keys' -- $probe with-key hostile \
  "$bothy" run -d --network none --name keys --userns host --security-opt seccomp=unconfined bb sleep 1000
holds 'keys of exec' $probe with-key hostile "$bothy" exec keys probe key hostile
run 0 'its end' -- "$bothy" rm -f keys
python3 tests/system/container/bundle.py "$work/bundle" pass probe key hostile
notices 'keys' $probe with-key hostile "$bothy" oci --root "$work/oci" run --no-new-keyring -b "$work/bundle" hostile-$$

# System calls and namespaces.
for kind in calls namespaces old-calls; do
  holds "$kind" once bb probe $kind
  holds "$kind of exec" inside host probe $kind
  # A kernel without the calls of old programs has nothing to notice.
  if [ $kind != old-calls ] || ! $probe old-calls >"$work/out"; then
    notices "$kind" once --security-opt seccomp=unconfined bb probe $kind
  fi
done

# Processes that enter can't be read or traced, though their first steps take long.
watch_entering() { # FLAG...
  local owner tracer
  "$bothy" run -d --network none --name entered "$@" bb probe entering trace >"$work/out"
  until inside entered test -e /ready; do :; done
  owner=$("$bothy" inspect entered | sed -n 's/.*"owner": \([0-9]*\).*/\1/p')
  strace -f -qq -o "$work/strace" -e trace=prctl -e inject=prctl:delay_enter=20000:when=1..3 -p "$owner" &
  tracer=$!
  until grep -q "^TracerPid:.$tracer" "/proc/$owner/status"; do sleep 0.01; done
  for _ in 1 2 3; do timeout 20 "$bothy" exec entered true; done
  kill $tracer
  wait $tracer || true
  inside entered touch /stop
  return "$(timeout 20 "$bothy" wait entered)"
}
for flags in --init --cap-add=SYS_PTRACE --userns=host; do
  holds "a process that enters: $flags" watch_entering $flags
  "$bothy" rm -f entered >"$work/out" 2>&1 || true
done
notices 'a process that enters' watch_entering --userns host --cap-add SYS_PTRACE
run 0 'its end' -- "$bothy" rm -f entered
detached holding bb probe hold
# Until one is held: its client doesn't end.
for _ in $(seq 100); do timeout -s KILL 1 "$bothy" exec holding true >"$work/out" 2>&1 || break; done
run 0 'a container that traces what enters can be stopped' -- timeout 20 "$bothy" rm -f holding

# Names and clocks.
host_name=$(hostname)
says 'a host name of its own' changed once --userns host --cap-add SYS_ADMIN bb sh -c 'hostname changed; hostname'
says 'the host keeps its own' "$host_name" hostname
later='c["linux"]["namespaces"].append({"type": "time"}); c["linux"]["timeOffsets"] = {"boottime": {"secs": 100000000}}'
says 'a clock of its own' yes oci_run -- "$later" sh -c '[ "$(cut -d. -f1 /proc/uptime)" -gt 100000000 ] && echo yes'
says 'the host keeps its own' yes sh -c '[ "$(cut -d. -f1 /proc/uptime)" -lt 100000000 ] && echo yes'

# Limits.
holds 'a limit on processes' once --pids-limit 20 bb probe processes 20
notices 'a limit on processes' once bb probe processes 20
run 137 'a limit on memory' -- once -m 64M bb probe memory 200
notices 'a limit on memory' once bb probe memory 200
run 137 'a limit on files in memory' -- once -m 64M bb sh -c 'exec head -c 200000000 /dev/zero >/x'

# Devices of the host.
head -c 1M /dev/urandom >"$work/disk"
disk=$(losetup --find --show "$work/disk")
numbers=$(stat -c '0x%t 0x%T' "$disk")
for flags in '' '--cap-add MKNOD' '--userns host --cap-add MKNOD' '--privileged'; do
  # shellcheck disable=SC2086 # several words
  holds "devices: $flags" once $flags bb probe device $numbers
done
# shellcheck disable=SC2086
holds 'devices of a bundle' oci_run -- pass probe device $numbers
# shellcheck disable=SC2086
notices 'devices' once --userns host --privileged bb probe device $numbers
losetup -d "$disk"

# Cgroups that a container makes.
make_cgroups='cd /sys/fs/cgroup && seq 2000 | xargs mkdir && name=$(seq -s x 70) && for i in $(seq 20); do mkdir $name && cd $name; done'
run 0 'cgroups without number' -- once --userns host --privileged bb sh -c "$make_cgroups"
run 0 'those of a bundle' -- oci_run -- \
  'without("/sys/fs/cgroup"); c["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"})' sh -c "$make_cgroups"
run 1 'none in a cgroup of the host' --err Permission -- once --privileged bb mkdir /sys/fs/cgroup/x

"$bothy" rm -f default host >"$work/out"
nothing_left
finish
