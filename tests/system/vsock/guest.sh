#!/bin/busybox sh
# The guest's side of tests/system/vsock.sh. LOAD is the program of load.cc.
load=$1
digest() { sha256sum | cut -c1-64; }
check() { # NAME CONDITION...
  name=$1
  shift
  if "$@"; then echo "guest: ok $name"; else echo "guest: FAILED $name"; fi
}

check echo [ "$(echo hello | /usr/bin/socat -t60 - VSOCK-CONNECT:2:5000)" = hello ]
head -c 3145728 /dev/urandom >/tmp/up
check upload [ "$(/usr/bin/socat -t60 - VSOCK-CONNECT:2:5001 </tmp/up)" = "$(digest </tmp/up)" ]
/usr/bin/socat -u VSOCK-CONNECT:2:5002 - >/tmp/down
check download [ "$(head -n 1 /tmp/down)" = "$(tail -n +2 /tmp/down | digest)" ]
check size [ "$(stat -c %s /tmp/down)" -gt 3145728 ]
check refused [ "$(/usr/bin/socat -u VSOCK-CONNECT:2:5999 - 2>&1 | grep -c reset)" -eq 1 ]
check many "$load" connect 1000 5000

/usr/bin/socat -t60 VSOCK-LISTEN:7,fork EXEC:/bin/cat &
"$load" serve 8 &
# The host's turn, until it closes.
check turn [ "$(/usr/bin/socat -u VSOCK-CONNECT:2:5003 -)" = 'done' ]
