#!/usr/bin/env bash
# The balloon with a Linux guest: the guest's memory shrinks and grows, and the host gets it back. Requires what boot.sh requires.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh

cp "$bothy" "$kernels/vmlinux" "$work"
bothy=$work/bothy
scripts/guest-initrd --busybox --with tests/system/balloon_guest.sh --out "$work/guest.cpio" >/dev/null
: >"$work/out" && : >"$work/err"
memory=512M step=

start() { # BALLOON [FLAG]...
  local balloon=$1
  shift
  "$bothy" boot --kernel "$work/vmlinux" --initrd "$work/guest.cpio" --memory "$memory" --balloon "$balloon" --control "$work/ctl" \
    --console serial --cmdline "quiet bothy.exec=\"/tests/system/balloon_guest.sh $step\"" --timeout 1000s "$@" \
    >"$work/console" 2>&1 </dev/null &
  pid=$!
}
stop() {
  kill "$pid"
  wait "$pid" || true
}
rss() { awk '/^Rss:/ { print int($2 / 1024) }' "/proc/$pid/smaps_rollup"; }
said() { tr -d '\r' <"$work/console" | grep -qx "$1"; }
last() { tr -d '\r' <"$work/console" | sed -n "s/^$1 \([0-9]*\)$/\1/p" | tail -n 1; } # KiB, or nothing
status_of() { "$bothy" control "$work/ctl" balloon | tr -d ' ,' | sed -n "s/^\"$1\"://p"; }
# Waits until a condition is true.
soon() {
  local i
  for ((i = 0; i < 1200; i++)); do
    if "$@"; then return 0; fi
    sleep 0.5
  done
  return 1
}
check() { # NAME COMMAND...
  local name=$1
  shift
  if soon "$@"; then pass "$name"; else fail "$name" "never came true; RSS $(rss) MiB"; fi
}
rss_at_least() { [ "$(rss)" -ge "$1" ]; }
rss_at_most() { [ "$(rss)" -le "$1" ]; }
total_at_most() { [ "$(last total)" -le "$1" ]; }
total_is() { [ "$(last total)" -eq "$1" ]; }
free_at_most() { [ "$(last free)" -le "$1" ]; }
actual_is() { [ "$(status_of actual)" = "$1" ]; }
more_than() { [ "$(status_of "$1")" -gt "$2" ] 2>/dev/null; }

start size=0,stats=1
check 'the guest takes memory from the host' said filled
full=$(rss)
check 'the guest frees it' said freed
check 'the guest tells its memory' said 'free [0-9]*'
total=$(last total) free=$(last free)
check 'what it freed stays with the monitor' rss_at_least $((full - 20))
run 0 'the balloon is told to grow' --out '268435456' -- "$bothy" control "$work/ctl" balloon 256M
check 'the guest gives up 256 MiB' actual_is 268435456
check 'the guest has that much less: MemTotal' total_at_most $((total - 255 * 1024))
check 'the guest has that much less: MemFree' free_at_most $((free - 240 * 1024))
check 'the host has it back' rss_at_most $((full - 50))
check 'the guest tells statistics' more_than free-memory 0
run 125 'a size larger than the memory' --err 'invalid balloon size' -- "$bothy" control "$work/ctl" balloon 1G
run 0 'the balloon is told to shrink' -- "$bothy" control "$work/ctl" balloon 0
check 'the guest has it all again' total_is "$total"
check 'the balloon is empty' actual_is 0
stop

for backing in anonymous shared; do
  start size=0,free-page-reporting --memory-backing $backing
  check "$backing: the guest takes memory" said filled
  full=$(rss)
  check "$backing: the guest frees it" said freed
  check "$backing: the host has it back by itself" rss_at_most $((full - 75))
  check "$backing: and that is told" more_than returned-as-free $((75 << 20))
  stop
done

# A guest that allocates more memory than the balloon has left.
memory=256M step=short
start size=160M,deflate-on-oom
check 'a guest with little memory beside its balloon' said short
check 'takes from it what it needs' said held
wait "$pid" || true
finish
