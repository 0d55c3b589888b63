#!/usr/bin/env bash
# Misbehaviour: guests that flood or stop answering, clients that disconnect, repeat or don't read, callers with unusual
# arguments. Requires what boot.sh requires.
#
#   run_hostile.sh --prepare    builds a guest's program
set -euo pipefail
cd "$(dirname "$0")/../.."
program=build/guest/x86_64/run-hostile
if [ "${1:-}" = --prepare ]; then
  "${CC:-cc}" -O1 -static -o $program tests/system/run/hostile.c
  exit
fi
. tests/system/lib.sh
. tests/system/instances.sh

import_image $program
rm "$work/root/etc/passwd"
mkfifo "$work/root/etc/passwd"
run 0 'another' -- "$bothy" image import "$work/root" --name fifo

# A function in the background would be a subshell between this one and bothy, which signals reach first.
vm() { "$bothy" run --network none "$@"; }

# until_has FILE TEXT: waits until FILE contains TEXT.
until_has() {
  for _ in $(seq 3000); do
    grep -qF -- "$2" "$1" && return
    sleep 0.2
  done
  return 1
}

# ends STATUS NAME SECONDS PID: the child PID ends with STATUS, on an idle host within SECONDS; ten times as long is a hang.
ends() {
  local status=0 left=$(($3 * 50))
  while kill -0 "$4" 2>/dev/null && [ $left -gt 0 ]; do
    left=$((left - 1))
    sleep 0.2
  done
  if [ $left -eq 0 ]; then
    fail "$2" "still running after $(($3 * 10)) s"
    kill -9 "$4"
    return
  fi
  wait "$4" || status=$?
  if [ $status -eq "$1" ]; then pass "$2"; else fail "$2" "status $status, not $1"; fi
}

run 0 'a FIFO for /etc/passwd' -- timeout 300 "$bothy" run --rm --network none fifo true

# Callers.
cd "$work"
run 0 'relative paths' -- "$bothy" run --rm --network none --kernel ./vmlinux --store ./store bb true
cd - >/dev/null
run 125 'a kernel that is none' --err lib.sh -- vm -d --rm --kernel "$PWD/tests/system/lib.sh" bb true
run 0 'an argument of any bytes' --out $'\xff' -- vm --name odd bb echo $'\xff'
run 0 'and its description' --out odd -- "$bothy" inspect odd
run 0 'and its removal' -- "$bothy" rm odd
exec 9> >(cat >"$work/nine"; echo over >>"$work/nine")
run 0 'an instance' -- vm -d --name web bb sh -c 'echo started; trap "exit 3" TERM; while :; do echo .; sleep 0.1; done'
exec 9>&-
if until_has "$work/nine" over; then pass 'it keeps nothing open of its starter'; else fail 'it keeps nothing open of its starter' 'a pipe'; fi

# Clients.
run 0 'logs -f that nobody reads' -- timeout 300 sh -c "'$bothy' logs -f web | grep -q started"
run 141 'attach that nobody reads' -- bash -c '"$1" attach web </dev/null | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}' bash "$bothy"
run 0 'exec of any bytes' --out $'\xff' -- "$bothy" exec web echo $'\xff'
mkfifo "$work/input"
sleep 1000 >"$work/input" &
holder=$!
"$bothy" exec -i web cat <"$work/input" >"$work/out" 2>"$work/err" &
client=$!
for _ in $(seq 50); do
  "$bothy" exec web ps | grep -q ' cat$' && break
  sleep 0.2
done
kill -9 $client
wait $client || true
gone=''
for _ in $(seq 20); do "$bothy" exec web ps | grep -q ' cat$' || { gone=yes && break; }; done
if [ -n "$gone" ]; then pass 'an exec without its client has no input'; else fail 'an exec without its client has no input' 'it waits for more'; fi
kill $holder

owner=$(sed -n 's/.*"owner":\([0-9]*\).*/\1/p' "$work"/run/instances/*/state | head -n 1)
size() { awk '/VmRSS/ {print $2}' "/proc/$owner/status" || echo 0; }
before=$(size)
for _ in $(seq 20); do "$bothy" exec web true; done
after=$(size)
if [ $((after - before)) -lt 1500 ]; then pass 'execs leave nothing'; else fail 'execs leave nothing' "$before kB, then $after"; fi

run 0 'pause' -- "$bothy" pause web
run 125 'stats of what is paused' --err paused -- timeout 300 "$bothy" stats web
run 0 'resume' -- "$bothy" resume web
"$bothy" wait web >"$work/waited" &
waiter=$!
run 0 'stop and rm at once' -- sh -c "'$bothy' stop web && '$bothy' rm web"
ends 0 'wait for it' 20 $waiter

# Signals, except SIGINT, which background processes of a shell ignore.
"$bothy" run --network none --rm bb sh -c 'sleep 1000' >"$work/out" 2>"$work/err" </dev/null &
client=$!
sleep 0.7
kill -TERM $client
ends 143 'a signal before the guest listens' 60 $client
"$bothy" run --network none --rm bb sh -c 'trap "" INT TERM; echo ready; while :; do sleep 1; done' >"$work/out" 2>"$work/err" </dev/null &
client=$!
until_has "$work/out" ready || true
for _ in 1 2 3; do kill -TERM $client && sleep 0.5; done
ends 137 'three in a row end a process that ignores signals' 30 $client
yes >"$work/input" &
holder=$!
"$bothy" run --network none --rm -i bb sh -c 'exec <&-; echo closed; exec sleep 1000' <"$work/input" >"$work/out" 2>"$work/err" &
client=$!
until_has "$work/out" closed || true
sleep 2
kill -TERM $client
ends 143 'a signal beside input that is not wanted' 30 $client
kill $holder 2>/dev/null || true
(
  status=0
  "$bothy" run --network none --rm bb head -c 900000 /dev/zero 2>"$work/err" &
  echo $! >"$work/pid"
  wait $! || status=$?
  echo "status $status" >"$work/status"
) | (until [ -e "$work/read" ]; do sleep 0.2; done && wc -c) >"$work/out" &
reader=$!
for _ in $(seq 3000); do
  "$bothy" ps -aq | grep -q . && break
  sleep 0.2
done
for _ in $(seq 3000); do
  "$bothy" ps -aq | grep -q . || break
  sleep 0.2
done
kill -TERM "$(cat "$work/pid")"
touch "$work/read"
wait $reader
if [ "$(cat "$work/status")" = 'status 0' ] && [ "$(cat "$work/out")" -eq 900000 ]; then
  pass 'a signal while the last output is read'
else
  fail 'a signal while the last output is read' "$(cat "$work/status")"
fi
run 0 'lines of a terminal' --out two -- script -qec "$bothy run --rm -it --network none bb sh -c 'echo one; echo two'" "$work/typed"
if grep -q $'\r\r' "$work/typed"; then fail 'lines of a terminal' 'CR CR LF'; else pass 'are as the guest makes them'; fi

# Guests.
run 0 'a guest that says it is the init' --out 'said 300' -- vm --rm --trace-timing bb run-hostile hello 300
if [ "$(grep -c 'init has connected' "$work/err")" -eq 1 ]; then pass 'is not believed'; else fail 'is not believed' 'a mark for each'; fi
run 0 'a guest' -- vm -d --name flood bb run-hostile flood 2500
for _ in $(seq 1000); do
  "$bothy" logs flood | grep -q opened && break
  sleep 0.5
done
run 0 'that floods' --out opened -- "$bothy" logs flood
run 0 'can be looked into' --out alive -- timeout 300 "$bothy" exec flood echo alive
run 0 'and stopped' -- timeout 300 "$bothy" stop -t 1 flood
run 0 'and removed' -- "$bothy" rm flood
finish
