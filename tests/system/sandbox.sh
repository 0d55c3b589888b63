#!/usr/bin/env bash
# The sandbox of `bothy boot`, as the kernel shows it: which threads are confined, what is gone, what --sandbox=off leaves out.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh

for guest in off reset idle; do
  gcc -c -D${guest^^} -o "$work/$guest.o" tests/system/payload.S
  ld -Ttext=0x1000000 -z noexecstack -o "$work/$guest" "$work/$guest.o"
done
truncate -s 8M "$work/disk"
devices=(--disk "$work/disk" --rng --balloon size=16M --vsock "$work/vsock" --control "$work/control")

run 0 'a guest with every device' --out hi -- \
  "$bothy" boot --kernel "$work/off" --memory 128M --console serial "${devices[@]}"
run 125 'no such mode' --err "invalid value 'maybe'" -- "$bothy" boot --kernel "$work/off" --sandbox maybe
run 0 'off is said' --out hi --err 'nothing confines bothy' -- "$bothy" boot --kernel "$work/off" --memory 128M --sandbox off
run 0 'a console at a file' -- "$bothy" boot --kernel "$work/off" --memory 128M --console "serial,file=$work/console"
says 'which has the output' hi cat "$work/console"
run 0 'a console at a socket' -- "$bothy" boot --kernel "$work/off" --memory 128M --console "serial,socket=$work/socket"
if [ -e "$work/socket" ] || [ -e "$work/control" ] || [ -e "$work/vsock" ]; then
  fail 'sockets are removed' "$(ls "$work")"
else
  pass 'sockets are removed'
fi
run 124 'restarts, each with a machine of its own' --err 'still running' -- \
  "$bothy" boot --kernel "$work/reset" --memory 64M --on-reboot restart --timeout 2s
if [ "$(grep -c hi "$work/out")" -gt 1 ]; then pass 'more than one'; else fail 'more than one' "$(cat "$work/out")"; fi

# begin ARGUMENT...: an idle guest in the background, with a variable and a descriptor of the caller. Sets pid.
begin() {
  SECRET=xyzzy "$bothy" boot --kernel "$work/idle" --memory 128M --cpus 2 "${devices[@]}" "$@" \
    </dev/null >"$work/out" 2>"$work/err" 7<"$work/idle.o" &
  pid=$!
  for _ in $(seq 200); do
    if "$bothy" control "$work/control" status >/dev/null 2>&1 && grep -q hi "$work/out"; then return; fi
    sleep 0.05
  done
  fail 'an idle guest' 'it is not there'
}
# The values of a field of all threads of the guest's process, each once.
field() { cat /proc/"$pid"/task/*/status | awk -v field="$1:" '$1 == field { print $2 }' | sort -u | tr '\n' ' '; }

begin
says 'each thread has a filter' '2 ' field Seccomp
says 'no thread can gain privileges' '1 ' field NoNewPrivs
says 'no thread has capabilities' '0000000000000000 ' field CapEff
# The namespaces of a kind that the threads of the guest's process are in, without this process's own.
namespaces() { readlink /proc/"$pid"/task/*/ns/"$1" | sort -u | { grep -vxF "$(readlink /proc/self/ns/"$1")" || true; }; }
for kind in net ipc uts cgroup mnt; do
  if [ "$(namespaces $kind | wc -l)" -eq 1 ]; then pass "one $kind namespace of its own"; else fail "one $kind namespace of its own" "$(namespaces $kind)"; fi
done
# Each directory on the way to that of the sockets, which is the only one.
way() { local path='' part; for part in ${work//\// }; do path=${path:+$path/}$part; echo "$path"; done; }
says 'its root has the directory of its sockets and nothing else' "$(way)" find /proc/$pid/root/ -xdev -mindepth 1 -printf '%P\n'
says 'the environment is gone' 0 sh -c 'tr "\0" "\n" </proc/$1/environ | grep -c xyzzy || true' sh $pid
says 'no core file' '0 0' sh -c 'awk "/Max core file/ { print \$5, \$6 }" /proc/$1/limits' sh $pid
says "the caller's descriptor is closed" '' find /proc/$pid/fd -lname '*/idle.o'
run 0 'control commands are served' --out '"target"' -- "$bothy" control "$work/control" balloon 20M
run 0 'and those of disks' -- "$bothy" control "$work/control" resize-disk disk0
kill -TERM $pid
status=0
wait $pid || status=$?
if [ $status -eq 143 ]; then pass 'SIGTERM ends it'; else fail 'SIGTERM ends it' "status $status"; fi

begin --sandbox=off
says 'off: no thread has a filter' '0 ' field Seccomp
says 'off: no thread is in a namespace of its own' '' namespaces mnt
says 'off: the environment is there' 1 sh -c 'tr "\0" "\n" </proc/$1/environ | grep -c xyzzy || true' sh $pid
kill -TERM $pid
wait $pid || true

finish
