#!/usr/bin/env bash
# Containers of the OCI interface as microVMs. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh
BOTHY_KERNEL=$PWD/$kernels/vmlinux
export BOTHY_KERNEL
ln -s bothy "$work/bothy-vm"
vm() { timeout -s KILL 60 "$work/bothy-vm" --root "$work/state" "$@"; }
with_stdin() { printf '%s' "$1" | "${@:2}"; }

command='id -u; hostname; pwd; echo "$X"; uname -r; exit 37'
config 'c["process"]["env"].append("X=set"); c["process"]["cwd"] = "/bin"'
for name in uname tr mount kill grep; do ln -sf busybox "$bundle/rootfs/bin/$name"; done
run 37 'run' --out container --out /bin --out set --out bothy -- vm run -b "$bundle" box
run 1 'nothing is left' --err 'does not exist' -- vm state box
command='echo out; echo err >&2'
config 'c["annotations"] = {"org.bothy.isolation": "vm"}'
run 0 'the annotation' --out out --err err -- oci run -b "$bundle" box
config 'c["annotations"] = {"org.bothy.isolation": "container"}'
run 0 'a container by annotation' --out out -- vm run -b "$bundle" box
config 'c["annotations"] = {"org.bothy.isolation": "x"}'
run 1 'an unknown isolation' --err "org.bothy.isolation: invalid value 'x'" -- vm run -b "$bundle" box
command='kill -KILL $$'
config
run 137 'a signal' -- vm run -b "$bundle" box
command='id; cat; touch /proof; exit 126'
config 'c["process"]["user"] = {"uid": 1000, "gid": 100, "additionalGids": [7, 8]}; c["root"]["readonly"] = False'
chmod 777 "$bundle/rootfs"
run 126 'a user, and stdin' --out 'uid=1000 gid=100 groups=7,8' --out typed -- with_stdin typed vm run -b "$bundle" box
says 'who owns the files that it writes' '1000 100' stat -c '%u %g' "$bundle/rootfs/proof"
config 'c["process"]["args"] = ["nothere"]'
run 1 'run of a command that is not there' --err "can't run 'nothere': executable file not found in \$PATH" -- vm run -b "$bundle" box
run 1 'create says so' --err "can't run 'nothere': executable file not found in \$PATH" -- vm create -b "$bundle" box
config 'c["process"]["args"] = ["/bin"]'
run 1 'a command that cannot be run' --err "can't run '/bin': permission denied" -- vm create -b "$bundle" box
if [ -z "$(ls -A "$work/state")" ]; then pass 'nothing left'; else fail 'nothing left' "$(ls "$work/state")"; fi

command='trap "echo term; exit 5" TERM; echo ready; while :; do sleep 0.1; done'
config
mkdir -p "$work/pid"
vm create -b "$bundle" --pid-file "$work/pid/file" box >"$work/log" 2>&1 </dev/null
pid=$(cat "$work/pid/file")
run 0 'created' --out '"status":"created"' --out "\"pid\":$pid" -- vm state box
run 0 'start' -- vm start box
run 0 'it runs' --out '"status":"running"' -- vm state box
wait_for grep -q ready "$work/log"
run 0 'TERM' -- vm kill box TERM
wait_for has_status box stopped
run 0 'the workload got it' --out term -- cat "$work/log"
run 0 'delete' -- vm delete box
vm run -d -b "$bundle" box >"$work/log" 2>&1 </dev/null
run 0 'a detached run' --out running -- vm state box
run 0 'KILL' -- vm kill box KILL
wait_for has_status box stopped
run 0 'delete' -- vm delete box

command='trap "exit 9" USR1; while :; do sleep 0.1; done'
config 'c["annotations"] = {"org.bothy.cpus": "2"}; c["linux"]["resources"]["memory"] = {"limit": 201 << 20}'
vm run -d -b "$bundle" --pid-file "$work/pid/file" box >"$work/log" 2>&1 </dev/null
pid=$(cat "$work/pid/file")
run 37 'exec' --err err --out typed -- with_stdin typed vm exec box sh -c 'cat; echo err >&2; exit 37'
run 255 'exec of what is not there' --err "can't run 'nothere': executable file not found in \$PATH" -- vm exec box nothere
says 'CPUs by the annotation' 2 vm exec box sh -c 'grep -c ^processor /proc/cpuinfo'
says 'memory by the limit' yes vm exec box sh -c 'set -- $(grep MemTotal /proc/meminfo); [ $2 -gt 160000 ] && [ $2 -le 205824 ] && echo yes'
says 'and its limit is higher' $(((201 + 192) << 20)) cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/memory.max"
run 137 'exec that is killed' -- vm exec box sh -c 'kill -KILL $$'
run 0 'as another user' --out 'uid=5 gid=6' -- vm exec -u 5:6 box id
run 0 'a detached exec' -- vm exec -d --pid-file "$work/pid/exec" box sh -c 'trap "exit 4" TERM; while :; do sleep 0.1; done'
stub=$(cat "$work/pid/exec")
run 0 'it runs in the guest' --out trap -- vm exec box ps
run 0 'its stub is in the cgroup' --out "$stub" -- cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/cgroup.procs"
kill -KILL "$stub"
gone() { ! vm exec box ps | grep -q 'trap.*TERM'; }
wait_for gone
pass 'it ends with its stub'
says 'ps' "[$pid]" vm ps -f json box
run 0 'pause' -- vm pause box
run 0 'paused' --out '"status":"paused"' -- vm state box
run 255 'exec in a paused container' --err paused -- vm exec box true
run 0 'resume' -- vm resume box
says 'and goes on' yes vm exec box echo yes
run 0 'statistics' --out '"memory"' -- vm events --stats box
run 0 'a limit' -- vm update --pids-limit 400 box
run 1 'no limit of memory' --err "memory of a microVM can't be changed" -- vm update --memory 300M box
cat >"$work/terminal.py" <<'PYTHON'
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
def until(words):
    global seen
    while words not in seen:
        seen += os.read(terminal, 100)
import fcntl, termios, struct
until(b"ready")
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
until(b"33 99")
os.write(terminal, b"\x10\x11typed\n")
until(b"got typed")
os.write(terminal, b"\x03")
_, status = os.waitpid(pid, 0)
print(os.waitstatus_to_exitcode(status))
PYTHON
says 'exec with a terminal' 8 python3 "$work/terminal.py" "$work/bothy-vm" --root "$work/state" exec -t box sh -c \
  'trap "stty size" WINCH; trap "exit 8" INT; echo ready; while ! read line; do :; done; echo "got $line" | tr -d "\020\021"; while :; do sleep 0.1; done'
run 0 'USR1' -- vm kill box USR1
wait_for has_status box stopped
run 0 'delete' -- vm delete box
command='trap "stty size" WINCH; trap "exit 8" INT; echo ready; while ! read line; do :; done; echo "got $line" | tr -d "\020\021"; while :; do sleep 0.1; done'
config 'c["process"]["terminal"] = True'
says 'run with a terminal' 8 python3 "$work/terminal.py" "$work/bothy-vm" --root "$work/state" run -b "$bundle" box

mkdir "$work/volume"
echo of the host >"$work/volume/old"
echo '10.9.8.7 there' >"$work/hosts"
command='[ $(stat -c %d /) != $(stat -c %d /v/.) ] && echo two devices; cat /v/old /etc/hosts; echo new >/v/new; touch /root-file; echo x >/t/x && ls /t; touch /ro/x; mount; ls -l /dev; cat /dev/log'
config "c['mounts'] += [{'destination': '/v', 'type': 'bind', 'source': '$work/volume', 'options': ['rbind']},
  {'destination': '/ro', 'type': 'bind', 'source': '$work/volume', 'options': ['rbind', 'ro']},
  {'destination': '/etc/hosts', 'type': 'bind', 'source': '$work/hosts', 'options': ['bind', 'ro']},
  {'destination': '/dev/log', 'type': 'bind', 'source': '$work/hosts', 'options': ['bind', 'ro']},
  {'destination': '/t', 'type': 'tmpfs', 'source': 'tmpfs', 'options': ['nosuid', 'size=1m', 'mode=700']}]"
run 0 'volumes, files and a tmpfs' --out 'two devices' --out 'of the host' --out '10.9.8.7 there' --out x --err "/root-file: Read-only" --err '/ro/x: Read-only' -- vm run -b "$bundle" box
says 'what it wrote' new cat "$work/volume/new"
# The network namespace that an engine has set up, as the guest's.
ip netns add pod
ip link add eth0 netns pod address 02:00:00:00:00:07 mtu 1400 type veth peer name tohost
ip address add 10.77.0.1/24 dev tohost
ip -6 address add fd77::1/64 dev tohost nodad
ip link set tohost up mtu 1400
ip -n pod address add 10.77.0.2/24 dev eth0
ip -n pod -6 address add fd77::2/64 dev eth0 nodad
ip -n pod link set lo up
ip -n pod link set eth0 up
ip -n pod route add default via 10.77.0.1
ip -n pod route add 192.0.2.0/24 dev eth0 scope link
ip -n pod -6 route add default via fd77::1
ip -n pod neighbour add 10.77.0.9 lladdr 02:00:00:00:00:09 dev eth0 nud permanent
for name in httpd ip ping nc killall; do ln -sf busybox "$bundle/rootfs/bin/$name"; done
pod='[n for n in c["linux"]["namespaces"] if n["type"] == "network"][0]["path"] = "/run/netns/pod"'
mkdir "$bundle/rootfs/www"
echo page >"$bundle/rootfs/www/index.html"
command='httpd -p 127.0.0.1:8080 -h /www; nc -ll -p 8081 -e cat & nc -l -p 80 -e cat; exec sleep 1000'
config "$pod; c['linux']['sysctl'] = {'net.ipv4.ip_unprivileged_port_start': '0'}; c['process']['user'] = {'uid': 1000, 'gid': 1000}"
vm run -d -b "$bundle" box >"$work/log" 2>&1 </dev/null
run 0 'the interface' --out 'mtu 1400' --out 02:00:00:00:00:07 --out 10.77.0.2/24 --out fd77::2/64 -- vm exec box ip address show eth0
run 0 'its routes' --out 'default via 10.77.0.1' --out '192.0.2.0/24' -- vm exec box ip route
run 0 'those of IPv6' --out 'default via fd77::1' -- vm exec box ip -6 route
run 0 'a neighbour' --out 02:00:00:00:00:09 -- vm exec box ip neigh show
run 0 'out' -- vm exec -u 0 box ping -c 1 -W 5 10.77.0.1
run 0 'out by IPv6' -- vm exec -u 0 box ping -c 1 -W 5 fd77::1
run 0 'in, to a port that root alone had' --out hello -- timeout 20 bash -c 'exec 3<>/dev/tcp/10.77.0.2/80; echo hello >&3; head -n 1 <&3'
# What engines forward ports by: the pod's loopback addresses.
cat >"$work/forwarded.py" <<'PYTHON'
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20) as connection:
    data = b"0123456789" * 30000
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    print("whole" if answer == data else len(answer))
PYTHON
listens() { ip netns exec pod ss -Hltn "sport = :$1" | grep -q "$1"; }
listens_no_more() { ! listens "$1"; }
wait_for listens 8080
wait_for listens 8081
fetch='import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode(), end="")'
says 'a port of its loopback address' page ip netns exec pod python3 -c "$fetch" http://127.0.0.1:8080/
says 'by IPv6' page ip netns exec pod python3 -c "$fetch" 'http://[::1]:8080/'
says 'many bytes, and the end' whole ip netns exec pod python3 "$work/forwarded.py" 127.0.0.1 8081
says 'likewise by IPv6' whole ip netns exec pod python3 "$work/forwarded.py" ::1 8081
run 0 'its service ends' -- vm exec box killall httpd
wait_for listens_no_more 8080
says 'its port with it, and no other' whole ip netns exec pod python3 "$work/forwarded.py" 127.0.0.1 8081
run 1 'a second one' --err 'has a microVM already' -- vm run -b "$bundle" other
vm kill box KILL
wait_for has_status box stopped
vm delete box
command='ping -c 1 -W 5 10.77.0.1'
config "$pod"
run 0 'another one after the end of the first' -- vm run -b "$bundle" box
config 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"]'
run 1 "the host's network" --err "the host's network: not possible in a microVM" -- vm run -b "$bundle" box
ip netns delete pod

finish
