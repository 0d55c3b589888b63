#!/usr/bin/env bash
# Images, run: what `bothy run` and its verbs do, whatever the isolation. Needs what boot.sh needs, and the rig's passt.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh

export BOTHY_STORE=$work/store BOTHY_RUN=$work/run BOTHY_KERNEL=$work/vmlinux
cp "$bothy" "$kernels/vmlinux" "$work"
bothy=$work/bothy

# An image such as people make: busybox, two users, a program that isn't one.
root=$work/root
mkdir -p "$root"/{bin,etc,tmp,home/alice}
cp /bin/busybox "$root/bin/"
for name in sh true cat echo env head hostname httpd id ls mount nc ps pwd sha256sum sleep stty touch wget wc kill test grep; do
  ln -s busybox "$root/bin/$name"
done
printf 'root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n' >"$root/etc/passwd"
printf 'root:x:0:\nalice:x:1000:\nstaff:x:50:alice\n' >"$root/etc/group"
echo 'no program' >"$root/bin/text"
chmod 755 "$root/bin/text"
chown 1000:1000 "$root/home/alice"
run 0 'an image' -- "$bothy" image import "$root" --name bb

vm() { "$bothy" run --rm --network none "$@"; }

# Its output exactly.
says() { # NAME WANTED COMMAND...
  local name=$1 wanted=$2 status=0
  shift 2
  "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
  if [ $status -eq 0 ] && [ "$(cat "$work/out")" = "$wanted" ]; then pass "$name"; else fail "$name" "status $status"; fi
}

run 0 'true' -- vm bb true
run 1 'its exit status' -- vm bb sh -c 'exit 1'
run 137 'a killing signal' -- vm bb sh -c 'kill -9 $$'
run 3 'stdout and stderr apart' --out 'to stdout' --err 'to stderr' -- vm bb sh -c 'echo to stdout; echo to stderr >&2; exit 3'
run 127 'a command that is not there' --err nothere -- vm bb nothere
run 126 'a command that is no program' --err text -- vm bb text
run 125 'no such user' --err nobody -- vm -u nobody bb true
run 125 'no such image' --err nothere -- "$bothy" run nothere true
run 125 'no such volume' --err nothere -- vm -v "$work/nothere:/x" bb true
run 125 'no such flag' --err bogus -- "$bothy" run --bogus bb
says 'stdin, to its end' "$(head -c 300000 "$work/vmlinux" | sha256sum)" sh -c 'head -c 300000 "$1" | "$2" run --rm -i --network none bb sha256sum' sh "$work/vmlinux" "$bothy"
says 'a megabyte of output' 1000000 sh -c '"$1" run --rm --network none bb head -c 1000000 /dev/zero | wc -c' sh "$bothy"
says 'a user of the image' 'uid=1000(alice) gid=1000(alice) groups=50(staff),1000(alice)' vm -u alice bb id
says 'a directory' /home/alice vm -w /home/alice bb pwd
says 'variables' one vm -e A=one bb sh -c 'echo $A'
says 'a host name' box vm --hostname box bb hostname
says 'what is written stays inside' here vm bb sh -c 'echo here >/tmp/x; cat /tmp/x'
run 1 'a read-only root' --err 'Read-only' -- vm --read-only bb touch /x
says 'tmpfs' yes vm --read-only --tmpfs /tmp bb sh -c 'touch /tmp/x && echo yes'
says 'a scratch disk, larger than memory' 150000000 vm --memory 128M --storage 200M bb \
  sh -c 'head -c 150000000 /dev/zero >/x && wc -c </x'
says 'an entrypoint' 'a b' vm --entrypoint echo bb a b
run 0 'a terminal, of a size' --out '30 100' -- \
  script -qec "stty cols 100 rows 30; $bothy run --rm -t -i --network none bb stty size" /dev/null

mkdir "$work/volume" && echo from the host >"$work/volume/file"
says 'a volume' 'from the host' vm -v "$work/volume:/mnt" bb sh -c 'cat /mnt/file; echo from the guest >/mnt/back'
says 'and back' 'from the guest' cat "$work/volume/back"
run 1 'a read-only volume' -- vm -v "$work/volume:/mnt:ro" bb touch /mnt/x

# One that stays.
run 0 'a detached web server' -- "$bothy" run -d --name web -p 8088:80 bb \
  sh -c 'mkdir /www; echo served >/www/index.html; echo started; exec httpd -f -p 80 -h /www'
sleep 1
says 'its published port' served wget -qO- --timeout 20 --tries 5 --retry-connrefused http://127.0.0.1:8088/
run 0 'ps' --out web --out 8088 -- "$bothy" ps
says 'exec' exec "$bothy" exec web echo exec
run 5 'its exit status' -- "$bothy" exec web sh -c 'exit 5'
says 'as another user' 1000 "$bothy" exec -u alice web id -u
run 127 'exec of nothing' --err nothere -- "$bothy" exec web nothere
says 'logs' started "$bothy" logs web
run 0 'stats' --out memory-total -- "$bothy" stats web
run 125 'a name in use' --err 'in use' -- "$bothy" run --name web bb true
run 0 'pause' -- "$bothy" pause web
run 0 'is told' --out paused -- "$bothy" ps
run 0 'resume' -- "$bothy" resume web
says 'goes on' served wget -qO- --timeout 20 --tries 5 http://127.0.0.1:8088/
run 1 'rm of what runs' --err 'bothy stop' -- "$bothy" rm web
run 0 'stop' -- "$bothy" stop -t 2 web
run 0 'it has ended' --out exited -- "$bothy" ps -a
run 0 'rm' -- "$bothy" rm web
run 125 'it is gone' --err web -- "$bothy" inspect web

# Whoever started it, and whoever owns it, may die.
run 0 'another' -- "$bothy" run -d --name lost --network none bb sleep 1000
pkill -9 -f 'run -d --name lost' || true
sleep 0.5
run 0 'one whose owner was killed' --out lost -- "$bothy" ps -a
run 0 'is removed' -- "$bothy" rm lost
if pgrep -x bothy >"$work/out" || [ -n "$(ls -A "$work/run/instances" "$work/run/names" | grep -v :)" ]; then
  fail 'nothing is left' "$(ls -AR "$work/run")"
else
  pass 'nothing is left'
fi
run 124 'a timeout' --err 'timeout' -- vm --timeout 8s bb sleep 1000
finish
