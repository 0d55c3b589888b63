#!/usr/bin/env bash
# `bothy run` and the commands for instances, independent of the isolation. Requires what boot.sh requires, and passt.
# Usage: run.sh [ISOLATION]
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/instances.sh
export BOTHY_ISOLATION=${1:-vm}

import_image
run 0 'true' -- once bb true
run 1 'its exit status' -- once bb sh -c 'exit 1'
run 137 'a killing signal' -- once --init bb sh -c 'kill -9 $$'
run 3 'stdout and stderr apart' --out 'to stdout' --err 'to stderr' -- once bb sh -c 'echo to stdout; echo to stderr >&2; exit 3'
run 127 'a command that is not there' --err nothere -- once bb nothere
run 126 'a command that is no program' --err text -- once bb text
run 126 'a command behind a loop of links' --err 'Too many levels of symbolic links' -- once bb loop
run 0 'a directory as the image' --out 'from a directory' -- once "$work/root" echo from a directory
run 0 'and again, by another path' --out 'from a directory' -- once "$work/root/bin/.." echo from a directory
run 125 'a path that is not there' --err "$work/nothere" -- "$bothy" run "$work/nothere" true
run 125 'no such user' --err nobody -- once -u nobody bb true
run 125 'no such image' --err nothere --err 'pull' -- "$bothy" run nothere true
run 125 'nor may it be pulled' --err "no image 'nothere" -- "$bothy" run --pull never nothere true
run 125 'no such volume' --err nothere -- once -v "$work/nothere:/x" bb true
run 125 'no such flag' --err bogus -- "$bothy" run --bogus bb
run 125 'no such isolation' --err bogus -- once --isolation bogus bb true
run 0 'the isolation' --out "\"isolation\": \"$BOTHY_ISOLATION\"" -- sh -c '"$1" run -d --json --rm bb true' sh "$bothy"
says 'stdin, to its end' "$(head -c 300000 "$work/vmlinux" | sha256sum)" sh -c 'head -c 300000 "$1" | "$2" run --rm -i --network none bb sha256sum' sh "$work/vmlinux" "$bothy"
says 'a megabyte of output' 1000000 sh -c '"$1" run --rm --network none bb head -c 1000000 /dev/zero | wc -c' sh "$bothy"
says 'a user of the image' 'uid=1000(alice) gid=1000(alice) groups=50(staff),1000(alice)' once -u alice bb id
says 'a directory' /home/alice once -w /home/alice bb pwd
says 'variables' one once -e A=one bb sh -c 'echo $A'
says 'a host name' box once --hostname box bb hostname
says 'what is written stays inside' here once bb sh -c 'echo here >/tmp/x; cat /tmp/x'
run 1 'a read-only root' --err 'Read-only' -- once --read-only bb touch /x
says 'tmpfs' yes once --read-only --tmpfs /tmp bb sh -c 'touch /tmp/x && echo yes'
says 'a scratch disk, larger than memory' 75000000 once --memory 64M --storage 100M bb \
  sh -c 'head -c 75000000 /dev/zero >/x && wc -c </x'
says 'an entrypoint' 'a b' once --entrypoint echo bb a b
run 0 'a terminal, of a size' --out '30 100' -- \
  script -qec "stty cols 100 rows 30; $bothy run --rm -t -i --network none bb stty size" /dev/null

mkdir "$work/volume" && echo from the host >"$work/volume/file"
says 'a volume' 'from the host' once -v "$work/volume:/mnt" bb sh -c 'cat /mnt/file; echo from the guest >/mnt/back'
says 'and back' 'from the guest' cat "$work/volume/back"
run 1 'a read-only volume' -- once -v "$work/volume:/mnt:ro" bb touch /mnt/x

# A long-running instance.
run 0 'a detached web server' -- "$bothy" run -d --name web -p 8088:80 bb \
  sh -c 'mkdir /www; echo served >/www/index.html; echo started; exec httpd -f -p 80 -h /www'
sleep 1
says 'its published port' served wget -qO- --timeout 60 --tries 10 --retry-connrefused http://127.0.0.1:8088/
run 0 'ps' --out web --out 8088 -- "$bothy" ps
says 'exec' exec "$bothy" exec web echo exec
run 5 'its exit status' -- "$bothy" exec web sh -c 'exit 5'
says 'as another user' 1000 "$bothy" exec -u alice web id -u
run 127 'exec of nothing' --err nothere -- "$bothy" exec web nothere
run 127 'exec of nothing, detached' --err nothere -- "$bothy" exec -d web nothere
run 0 'exec, detached' -- "$bothy" exec -d web touch /tmp/detached
says 'which ends' ended "$bothy" exec web sh -c 'until [ -e /tmp/detached ]; do sleep 0.1; done; echo ended'
says 'logs' started "$bothy" logs web
run 0 'stats' --out memory-total -- "$bothy" stats web
run 0 'all about one that begins' --out '"name": "told"' --out '"status": "running"' -- \
  "$bothy" run -d --json --name told --rm --network none bb sleep 1000
run 0 'its end' -- "$bothy" stop -t 0 told
for flag in --rm --name=kept; do
  says "all about one that has ended, on the last line of stderr: $flag" "exited 3 $flag" sh -c '
    "$1" run "$2" --network none --json bb sh -c "echo error >&2; exit 3" 2>&1 >/dev/null | tail -n 1 | python3 -c "
import json, sys
end = json.load(sys.stdin)
print(end[\"status\"], end[\"exit-code\"], \"--name=kept\" if end.get(\"started\") else \"--rm\")"' sh "$bothy" $flag
done
run 0 'which goes' -- "$bothy" rm kept
says 'where output alone is stdout' output once --json bb echo output
run 125 'a name in use' --err 'in use' -- "$bothy" run --name web bb true
run 0 'pause' -- "$bothy" pause web
run 0 'is told' --out paused -- "$bothy" ps
run 0 'resume' -- "$bothy" resume web
says 'goes on' served wget -qO- --timeout 60 --tries 10 http://127.0.0.1:8088/
run 1 'rm of a running instance' --err 'bothy stop' -- "$bothy" rm web
run 0 'stop' -- "$bothy" stop -t 2 web
run 0 'it has ended' --out exited -- "$bothy" ps -a
run 0 'rm' -- "$bothy" rm web
run 125 'it is gone' --err web -- "$bothy" inspect web

# IPv6, where the host has it.
run 125 'a port on an IPv6 address needs it' --err 'no IPv6 default route' -- "$bothy" run -p '[::1]:8089:80' bb true
interface=$(ip route show default | sed 's/.* dev \([^ ]*\).*/\1/')
ip address add 2001:db8::2/64 dev "$interface" nodad
ip route add default via 2001:db8::1 dev "$interface"
mkdir "$work/www" && echo from the host by IPv6 >"$work/www/index.html"
busybox httpd -f -p '[2001:db8::2]:8090' -h "$work/www" &
server=$!
run 0 'an instance with IPv6' -- "$bothy" run -d --name six --hostname six -p '[::1]:8089:80' bb \
  sh -c 'mkdir /www; echo served by IPv6 >/www/index.html; exec httpd -f -p 80 -h /www'
says 'a port on an IPv6 address' 'served by IPv6' wget -qO- --timeout 60 --tries 10 --retry-connrefused 'http://[::1]:8089/'
run 0 'ps shows it' --out '[::1]:8089->80/tcp' -- "$bothy" ps
says 'connections to the outside' 'from the host by IPv6' "$bothy" exec six wget -qO- 'http://[2001:db8::2]:8090/'
run 0 'its name servers' --out 'nameserver fd00::3' -- "$bothy" exec six cat /etc/resolv.conf
run 0 'its own name' --out 'fd00::15' -- "$bothy" exec six cat /etc/hosts
"$bothy" rm -f six >/dev/null
kill $server
ip route del default via 2001:db8::1 dev "$interface"

# A limit on processes: all count, but those of bothy.
run 0 'an instance with few processes' -- "$bothy" run -d --name few --network none --pids-limit 4 bb sleep 1000
run 2 'more than --pids-limit' --err "can't fork" -- "$bothy" exec few sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1000 >/dev/null 2>&1 & done; wait'
run 125 'those of exec count' --err 'Resource temporarily unavailable' -- \
  sh -c 'for i in 1 2 3 4; do "$1" exec -d few sleep 1000 || exit; done' sh "$bothy"
run 0 'and it can be ended' -- "$bothy" rm -f few

# Unread output and absent readers don't keep an instance from ending.
run 141 'output that nobody reads any more' -- \
  bash -c '"$1" run --rm --network none bb yes | head -n 1 >/dev/null; exit ${PIPESTATUS[0]}' bash "$bothy"
run 143 'a signal, behind input that is not read' -- \
  sh -c 'exec timeout --preserve-status -k 60 8 "$1" run --rm -i --network none bb sleep 1000 </dev/zero' sh "$bothy"
mkfifo "$work/full"
exec 7<>"$work/full"
run 143 'three, behind output that is not read' -- sh -c '
  "$1" run --rm --network none bb yes >"$2" & sleep 8
  for i in 1 2 3; do kill $!; sleep 1; done
  wait $!' sh "$bothy" "$work/full"
exec 7>&-

# The client that started an instance, and its owner, may be killed.
run 0 'another' -- "$bothy" run -d --name lost --network none bb sleep 1000
pkill -9 -f 'run -d --name lost' || true
sleep 0.5
run 0 'one whose owner was killed' --out lost -- "$bothy" ps -a
run 0 'is removed' -- "$bothy" rm lost
# Those of this network namespace: other tests may run as well.
if pgrep -x bothy --ns $$ --nslist net >"$work/out" || [ -n "$(find "$work/run/instances" "$work/run/names" -mindepth 1)" ]; then
  fail 'nothing is left' "$(ls -AR "$work/run")"
else
  pass 'nothing is left'
fi
# On an overlay a file's device number is not its directory's: everything goes all the same.
mkdir "$work/overlay" "$work/merged"
mount -t tmpfs none "$work/overlay"
mkdir "$work/overlay"/{lower,upper}
mount -t tmpfs none "$work/overlay/lower"
mount -t tmpfs none "$work/overlay/upper"
mkdir "$work/overlay/upper"/{upper,work}
mount -t overlay none -o "lowerdir=$work/overlay/lower,upperdir=$work/overlay/upper/upper,workdir=$work/overlay/upper/work" "$work/merged"
run 0 'instances on an overlay' -- env BOTHY_RUN="$work/merged" "$bothy" run --rm --network none bb true
run 0 'another, to be removed' -- env BOTHY_RUN="$work/merged" "$bothy" run --name box --network none bb true
run 0 'rm on an overlay' -- env BOTHY_RUN="$work/merged" "$bothy" rm box
run 0 'leaves nothing' --out 'nothing' -- sh -c 'ls -A "$1/instances" "$1/names" | grep -v : | grep . || echo nothing' sh "$work/merged"
wait_for_unmount "$work/merged/"
# An owner that has told its clients of its end still holds its directory for a moment.
for _ in $(seq 100); do umount "$work/merged" 2>"$work/out" && break; sleep 0.1; done
umount "$work/overlay/lower" "$work/overlay/upper" "$work/overlay"

run 124 'a timeout' --err 'timeout' -- once --timeout 8s bb sleep 1000
run 0 'the image of instances that have ended' -- sh -c 'touch "$2/ended" && "$1" image import "$2" --name ended && "$1" run --rm --network none ended true && "$1" image rm ended' \
  sh "$bothy" "$work/root"
finish
