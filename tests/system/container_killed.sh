#!/usr/bin/env bash
# Containers whose bothy is killed: the client, the owner or a process on its way to the command, at each kind of system call that
# changes something, in `run`, `exec` and `rm`. What is left must be cleared by `bothy rm -f` and by the next run. Then many
# containers at once. Requires root and strace.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/container/lib.sh
import_hostile_image
mkdir "$work/oci"

# Kills each process that COMMAND starts, or the process OWNER, where it enters its Nth CALL.
killed_at() { # CALL N COMMAND...
  { timeout 20 strace -f -qq -o "$work/strace" -e "trace=$1,mkdir" -e "inject=$1:signal=KILL:when=$2" "${@:3}" >"$work/out" 2>&1 || true; } 2>"$work/err"
  grep -o 'bothy/[0-9a-f]\{12\}"' "$work/strace" | tr -d '"' >>"$work/cgroups" || true
}
owner_killed_at() { # CALL N NAME COMMAND...
  local owner tracer
  owner=$("$bothy" inspect "$3" | sed -n 's/.*"owner": \([0-9]*\).*/\1/p')
  strace -f -qq -o "$work/strace" -e "trace=$1" -e "inject=$1:signal=KILL:when=$2" -p "$owner" &
  tracer=$!
  while grep -qs '^TracerPid:.0$' "/proc/$owner/status"; do sleep 0.01; done
  timeout 20 "${@:4}" >"$work/out" 2>&1 || true
  kill $tracer 2>/dev/null || true
  wait $tracer || true
}

clear_all() {
  local id
  for id in $("$bothy" ps -aq); do timeout 20 "$bothy" rm -f "$id"; done
  timeout 20 "$bothy" run --rm --network none bb true
}

check_cleared() { # NAME
  local id left=''
  if ! clear_all >"$work/out" 2>"$work/err"; then
    fail "$1" 'cannot be cleared'
    return
  fi
  for _ in $(seq 50); do
    left=$(
      leftovers
      sort -u "$work/cgroups" | while read -r id; do find /sys/fs/cgroup -maxdepth 3 -path "*/$id"; done
    ) || true
    [ -n "$left" ] || break
    sleep 0.1
  done
  if [ -z "$left" ]; then pass "$1"; else fail "$1" "left: $left"; fi
  : >"$work/cgroups"
}

: >"$work/cgroups"
calls='mkdir symlink rename open_tree mount_setattr move_mount fsopen fsmount fsconfig mount umount2 unshare setns clone clone3
  socketpair pipe2 bind listen write ftruncate flock fchown ioctl prctl seccomp capset execve epoll_wait recvmsg wait4 unlink
  unlinkat rmdir exit_group'
for call in $calls; do
  for number in 1 3; do killed_at "$call" $number "$bothy" run --rm --network none bb true; done
  check_cleared "run, killed at $call"
done
for call in pipe2 socketpair clone setns clone3 wait4 pidfd_open epoll_wait recvmsg prctl execve write; do
  for who in client owner; do
    "$bothy" run -d --network none --name box bb sleep 1000 >"$work/out"
    if [ $who = client ]; then
      killed_at $call 1 "$bothy" exec box true
    else
      owner_killed_at $call 1 box "$bothy" exec box true
    fi
    check_cleared "exec, its $who killed at $call"
  done
done
for call in write kill pidfd_send_signal wait4 epoll_wait umount2 rmdir unlink unlinkat close; do
  "$bothy" run -d --network none --name box bb sleep 1000 >"$work/out"
  owner_killed_at $call 1 box "$bothy" rm -f box
  check_cleared "rm, the owner killed at $call"
  "$bothy" run -d --network none --name box bb sleep 1000 >"$work/out"
  killed_at $call 1 "$bothy" rm -f box
  check_cleared "rm, the client killed at $call"
done

# What a killed owner has left is ended before the next instance gets ids, which may be the same ones.
"$bothy" run -d --network none --name box bb sleep 1000 >"$work/out"
kill -9 "$("$bothy" inspect box | sed -n 's/.*"owner": \([0-9]*\).*/\1/p')"
strace -f -qq -o "$work/strace" -e trace=open,openat "$bothy" run --rm --network none bb true >"$work/out" 2>"$work/err" || true
if awk '/cgroup\.kill"/ { killed = 1 } /\/ids"/ { reserved = 1; exit !killed } END { if (!reserved) exit 1 }' "$work/strace"; then
  pass 'what is lost is ended before ids are reserved'
else
  fail 'what is lost is ended before ids are reserved' "$(grep -n 'cgroup.kill"\|/ids"' "$work/strace")"
fi
check_cleared 'and all is cleared'

# 200 at once: none is lost.
children=()
for number in $(seq 200); do
  "$bothy" run --rm --network none bb echo "container $number" >"$work/output.$number" 2>&1 &
  children+=($!)
done
wait "${children[@]}" || true
lost=0
for number in $(seq 200); do [ "$(cat "$work/output.$number")" = "container $number" ] || lost=$((lost + 1)); done
if [ $lost -eq 0 ]; then pass '200 containers at once'; else fail '200 containers at once' "$lost lost: $(cat "$work"/output.* | grep -v ^container | sort | uniq -c)"; fi
nothing_left
finish
