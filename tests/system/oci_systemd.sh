#!/usr/bin/env bash
# systemd's cgroup driver of `bothy oci`, with a systemd that runs in namespaces of this script's: the system's, and a user's own.
# Limits are checked where cgroup v2 has the controllers. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."

. tests/system/oci/systemd.sh
inside_systemd "$0" "$@"

. tests/system/lib.sh
. tests/system/oci/bundle.sh
oci() { "$bothy" oci --systemd-cgroup --root "$work/state" "$@"; }
# shown NAME PROPERTY=VALUE...: of the unit, by systemctl.
unit=libpod-box.scope
shown() {
  local name=$1 property
  shift
  for property; do
    systemctl show -p "${property%%=*}" "$unit" >"$work/out" 2>"$work/err"
    if [ "$(cat "$work/out")" != "$property" ]; then fail "$name" "expected $property" && return; fi
  done
  pass "$name"
}
gone() { [ "$(systemctl show -p LoadState "$unit")" = LoadState=not-found ] && ! [ -e "/sys/fs/cgroup/machine.slice/$unit" ]; }
scope='c["linux"]["cgroupsPath"] = "machine.slice:libpod:box"'

command='exec sleep 1000'
config "$scope"
run 0 'create' -- oci create -b "$bundle" --pid-file "$work/pid" box
shown 'a scope in its slice' Slice=machine.slice ActiveState=active Delegate=yes CollectMode=inactive-or-failed 'Description=bothy container box'
run 0 'the process is in it' --out "0::/machine.slice/$unit" -- cat "/proc/$(cat "$work/pid")/cgroup"
says 'and no other' "$(cat "$work/pid")" cat "/sys/fs/cgroup/machine.slice/$unit/cgroup.procs"
run 0 'start' -- oci start box
run 0 'exec' --out '0::/' -- oci exec box cat /proc/self/cgroup
run 0 'pause' -- oci pause box
run 0 'is paused' --out '"status":"paused"' -- oci state box
run 0 'resume' -- oci resume box
run 0 'ps' --out "$(cat "$work/pid")" -- oci ps box
run 0 'systemd is reloaded' -- systemctl daemon-reload
says 'the process stays' "$(cat "$work/pid")" cat "/sys/fs/cgroup/machine.slice/$unit/cgroup.procs"
run 0 'a second scope of that name is refused' --err "can't start scope" -- sh -c '! "$@"' sh "$bothy" oci --systemd-cgroup \
  --root "$work/other" create -b "$bundle" box
run 0 'and nothing of it is left' -- sh -c '! [ -e "$1" ] || [ -z "$(ls "$1")" ]' sh "$work/other"
shown 'the first goes on' ActiveState=active
run 0 'kill' -- oci kill box KILL
wait_for has_status box stopped
wait_for gone
run 0 'ps of one whose scope is gone' -- oci ps box
run 0 'delete' -- oci delete box
run 0 'create again' -- oci create -b "$bundle" box
run 0 'delete of a created one' -- oci delete box
run 0 'the scope is gone' -- gone

command='exit 37'
config "$scope"
run 37 'run' -- oci run -b "$bundle" box
run 0 'the scope is gone' -- gone
config "$scope; c['process']['args'] = ['/nothere']"
run 1 'a command that is not there' --err 'no such file or directory' -- oci create -b "$bundle" box
run 0 'the scope is gone' -- gone
unit='bothy-box.scope'
command='exec sleep 1000'
config
run 0 'without a path' -- oci run -d -b "$bundle" box
shown 'is bothy-ID in system.slice' Slice=system.slice ActiveState=active
run 0 'delete --force' -- oci delete --force box
unit=libpod-box.scope
config 'c["linux"]["cgroupsPath"] = "/machine/box"'
run 1 'a path that is none of systemd' --err 'SLICE.slice:PREFIX:NAME' -- oci run -b "$bundle" box

config "$scope; c['annotations'] = {'org.systemd.property.TimeoutStopSec': 'uint64 7', 'org.systemd.property.After': \"['a.service', 'b.service']\"}"
run 0 'properties by annotations' -- oci run -d -b "$bundle" box
shown 'are the unit'"'"'s' TimeoutStopUSec=7s
run 0 'lists as well' --out a.service --out b.service -- systemctl show -p After $unit
run 0 'delete --force' -- oci delete --force box
config "$scope; c['annotations'] = {'org.systemd.property.Nothing': 'true'}"
run 1 'a property that systemd does not have' --err Nothing -- oci run -b "$bundle" box
config "$scope; c['annotations'] = {'org.systemd.property.After': 'nothing'}"
run 1 'an invalid value' --err 'annotation org.systemd.property.After' -- oci run -b "$bundle" box
run 0 'nothing is left' --out 0 -- sh -c 'ls "$1" | wc -l' sh "$work/state"

# Limits are properties of the unit, which systemd keeps, and files, exactly.
if grep -qw memory /sys/fs/cgroup/cgroup.controllers; then
  file() { says "$1" "$3" cat "/sys/fs/cgroup/machine.slice/$unit/$2"; }
  config "$scope; c['linux']['resources'].update({'memory': {'limit': 67108864, 'reservation': 33554432}, 'pids': {'limit': 1},
    'cpu': {'shares': 512, 'quota': 50000, 'period': 100000, 'cpus': '0'}, 'unified': {'memory.high': '60000000'}})"
  run 0 'with limits' -- oci run -d -b "$bundle" box
  shown 'are properties' MemoryMax=67108864 MemoryLow=33554432 MemoryHigh=60000000 TasksMax=1 CPUQuotaPerSecUSec=500ms CPUQuotaPeriodUSec=100ms AllowedCPUs=0
  file 'memory.max' memory.max 67108864
  file 'one process, and the placeholder was another' pids.max 1
  file 'CPU quota' cpu.max '50000 100000'
  file 'CPU weight' cpu.weight "$(systemctl show -p CPUWeight --value $unit)"
  run 0 'systemd is reloaded' -- systemctl daemon-reload
  file 'the limits stay' memory.max 67108864
  run 0 'update' -- oci update --memory 134217728 --pids-limit 7 --cpu-period 200000 box
  shown 'of the unit as well' MemoryMax=134217728 TasksMax=7 CPUQuotaPeriodUSec=200ms
  file 'the quota stays' cpu.max '50000 200000'
  run 0 'delete --force' -- oci delete --force box
fi

# A user's own systemd, in a cgroup that is delegated to the user.
user=12345
cgroup=/sys/fs/cgroup/user-$user
mkdir -p "$cgroup/init.scope" "$cgroup/caller" "/run/user/$user/systemd" "$work/user"
cp -r "$bundle" "$work/user"
chown -R $user:$user "$cgroup" /run/user/$user "$work/user"
chmod 755 "$work"
# as_user CGROUP COMMAND...: below the delegated one.
as_user() {
  # shellcheck disable=SC2016 # for the inner shell
  sh -c 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"' sh "$cgroup/$1" setpriv --reuid=$user --regid=$user --clear-groups \
    env HOME=/ XDG_RUNTIME_DIR=/run/user/$user "${@:2}"
}
as_user init.scope env SYSTEMD_UNIT_PATH=/run/systemd/system: SYSTEMD_LOG_TARGET=console /lib/systemd/systemd --user --unit=nothing.target >"$work/user.log" 2>&1 &
wait_for test -S /run/user/$user/systemd/private
command='cat /proc/self/cgroup'
config "c['linux']['cgroupsPath'] = 'user.slice:libpod:box'; c['linux']['resources'].pop('devices', None)
for mount in c['mounts']: mount['options'] = [each for each in mount.get('options', []) if each != 'gid=5']"
rm -r "$work/user/bundle" && cp -r "$bundle" "$work/user" && chown -R $user:$user "$work/user"
# As Podman does: as root of a user namespace, which outside is the user.
rootless=(as_user caller unshare --user --map-root-user --mount "$bothy" oci --systemd-cgroup --root "$work/user/state")
run 0 "a user's systemd" --out '0::/' -- "${rootless[@]}" run -b "$work/user/bundle" box
sed -i 's#cat /proc/self/cgroup#exec sleep 1000#' "$work/user/bundle/config.json"
run 0 'detached' -- "${rootless[@]}" run -d --pid-file "$work/user/pid" -b "$work/user/bundle" box
run 0 'its scope is below the cgroup of that systemd' --out "0::/user-$user/user.slice/$unit" -- cat "/proc/$(cat "$work/user/pid")/cgroup"
run 0 'delete --force' -- "${rootless[@]}" delete --force box
run 0 'the scope is gone' -- sh -c '! [ -e "$1" ]' sh "$cgroup/user.slice/$unit"
kill -KILL "$(cat "$cgroup/init.scope/cgroup.procs")"
is_empty() { [ -z "$(cat "$1")" ]; }
wait_for is_empty "$cgroup/init.scope/cgroup.procs"
run 1 'without a systemd' --err "can't reach the user's systemd" --err cgroupfs -- "${rootless[@]}" run -b "$work/user/bundle" box
finish
