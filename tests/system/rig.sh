#!/usr/bin/env bash
# scripts/rig: output, exit status, timeout, files. Runs on the host; each machine takes a second or two.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh

rig() { timeout 3000 scripts/rig "$@"; }

rig -- true 2>/dev/null || true # makes the machine's state, which may take half a minute
run 0 'a command that succeeds' -- rig -- true
run 7 'its exit status' -- rig -- sh -c 'exit 7'
run 137 'a command that is killed' -- rig -- sh -c 'kill -KILL $$'
run 127 'a command that is not there' -- rig -- /nothere
run 126 'a command that is no program' -- rig -- "$PWD/README.md"
run 125 'no command' --err 'no command' -- rig
run 125 'an unknown option' --err '--colour' -- rig --colour -- true
run 0 'root, KVM and every cgroup controller' --out 'root' --out 'cpuset cpu io memory' -- \
  rig -- sh -c 'id -un && test -w /dev/kvm && cat /sys/fs/cgroup/cgroup.controllers'
run 0 'one CPU' --out '1' -- rig -- nproc
run 0 'another number of CPUs' --out '3' -- rig --cpus 3 --memory 1024 -- nproc
run 0 'a clock that counts instructions: the same work takes the same time' --out 'same' -- \
  rig --icount --memory 1024 -- bash -c '
    took() { local from=$EPOCHREALTIME i; for ((i = 0; i < 30000; ++i)); do :; done; echo $((${EPOCHREALTIME/./} - ${from/./})); }
    took && first=$(took) second=$(took) && echo "$first $second"
    [ $((first - second)) -lt $((first / 50)) ] && [ $((second - first)) -lt $((first / 50)) ] && echo same'
run 0 'a variable' --out 'a b' -- rig --env 'RIG_TEST_WORD=a b' -- sh -c 'echo "$RIG_TEST_WORD"'
run 0 'the caller'"'"'s directory' --out "$PWD/docs" -- sh -c 'cd docs && exec ../scripts/rig -- pwd'
run 124 'a command that hangs' --err 'stuck here' -- \
  rig --timeout 8 -- sh -c "echo '<2>stuck here' >/dev/kmsg; sleep 100"

# Arbitrary bytes: both streams at once, larger than any buffer between.
head -c 3000000 /dev/urandom >"$work/bytes"
if rig -- sh -c 'cat "$1" & cat "$1" >&2; wait' sh "$work/bytes" >"$work/out" 2>"$work/err" &&
  cmp "$work/bytes" "$work/out" && cmp "$work/bytes" "$work/err"; then
  pass 'bytes on both streams'
else
  ls -l "$work" && fail 'bytes on both streams' 'they differ'
fi

mkdir "$work/back"
run 0 'what comes back' -- env RIG_OUT="$work/back" scripts/rig -- \
  sh -c 'echo stays >rig-was-here && echo comes >"$RIG_OUT/file"'
if [ ! -e rig-was-here ] && [ "$(cat "$work/back/file")" = comes ]; then
  pass 'writes stay inside, but for $RIG_OUT'
else
  rm -f rig-was-here && fail 'writes stay inside, but for $RIG_OUT' "$(ls "$work/back")"
fi

# A signal ends the machine, too. The timeout identifies its QEMU.
scripts/rig --timeout 3333 -- sleep 1000 >"$work/out" 2>"$work/err" &
rig_pid=$!
sleep 4
status=0
kill -TERM $rig_pid && wait $rig_pid || status=$?
if [ $status -eq 143 ] && ! pgrep -f 'supervise.* 3333 ' >/dev/null && ! pgrep -P $rig_pid >/dev/null; then
  pass 'SIGTERM leaves nothing'
else
  fail 'SIGTERM leaves nothing' "status $status"
fi
finish
