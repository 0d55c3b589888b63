#!/usr/bin/env bash
# `bothy oci exec`: processes in a container, by flags and by process.json. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh

command='exec sleep 1000'
config 'c["process"]["env"].append("FROM=config"); c["root"]["readonly"] = False'
run 0 'a container' -- oci run -d -b "$bundle" box
run 0 'a command' --out bin -- oci exec box ls /
run 7 'its exit status' -- oci exec box sh -c 'exit 7'
run 143 'the end by a signal' -- oci exec box sh -c 'kill -TERM $$; sleep 10'
run 0 'flags after the id are the command'"'"'s' --out '-d --tty' -- oci exec box echo -d --tty
run 0 'stdin and stdout' --out given -- sh -c 'echo given | "$@"' sh "$bothy" oci --root "$work/state" exec box cat
run 0 'its environment' --out FROM=config --out ADDED=1 -- oci exec --env ADDED=1 box sh -c 'echo FROM=$FROM ADDED=$ADDED'
run 0 'its directory' --out /bin -- oci exec --cwd /bin box sh -c 'pwd'
run 0 'its user' --out 'uid=1000 gid=1001 groups=2000,3000' -- oci exec -u 1000:1001 -g 2000 --additional-gids 3000 box id
caps() { oci exec "$@" box sh -c 'while read key value; do case $key in Cap*|NoNew*) echo $key$value;; esac; done </proc/self/status'; }
run 0 'its capabilities' --out CapEff:0000000020000420 --out NoNewPrivs:1 -- caps
run 0 'an additional one' --out CapEff:0000000020200420 --out CapInh:0000000000000000 -- caps --cap CAP_SYS_ADMIN
run 0 'another user keeps an additional one' --out CapEff:0000000000200000 -- caps -u 1000 --cap sys_admin
run 0 'it is in the namespaces and the cgroup' --out '0::/' -- oci exec box cat /proc/self/cgroup

# Failures of exec itself.
run 255 'a command that is not there' --err "can't run 'nothere': executable file not found in \$PATH" -- oci exec box nothere
run 255 'a file that is not there' --err "can't run '/nothere': no such file or directory" -- oci exec box /nothere
run 255 'a directory' --err "can't run '/bin': permission denied" -- oci exec box /bin
run 255 'no command' --err 'needs a command' -- oci exec box
run 255 'no container' --err 'does not exist' -- oci exec nobody true
run 255 'an unknown flag' --err --nothing -- oci exec --nothing box true
run 255 'a pid file that cannot be written' --err /nothere/pid -- oci exec --pid-file /nothere/pid box true
run 255 'a user that is no number' --err 'invalid user' -- oci exec --user nobody box true
run 255 'a variable without a value' --err "'X'" -- oci exec --env X box true
run 255 'a cgroup outside' --err 'not a sub cgroup path' -- oci exec --cgroup ../.. box true
run 255 'a terminal without a socket' --err --console-socket -- oci exec -d -t box true
run 255 'a console socket without a terminal' --err terminal -- oci exec --console-socket /x box true

# process.json, as engines send it.
cat >"$work/process.json" <<'JSON'
{"args": ["sh", "-c", "echo $FROM; id -u; pwd; exit 9"], "cwd": "/bin", "env": ["PATH=/bin", "FROM=file"], "user": {"uid": 5, "gid": 6}}
JSON
run 9 'a process.json' --out file --out 5 --out /bin -- oci exec --process "$work/process.json" box
run 9 'by a FIFO' --out file -- bash -c '"$@" -p <(cat "$0") box' "$work/process.json" "$bothy" oci --root "$work/state" exec
echo '{"args": ["true"]}' >"$work/bad.json"
run 255 'one without a directory' --err 'process.json: cwd' -- oci exec -p "$work/bad.json" box

# Detached: the pid is in the caller's namespace, and the process's parent is the caller's subreaper.
run 0 'a detached process' -- oci exec -d --pid-file "$work/pid" box sleep 1000
run 0 'runs' -- grep -q sleep "/proc/$(cat "$work/pid")/cmdline"
says 'in the namespaces of the container' "$(readlink "/proc/$(oci state box | grep -o '"pid":[0-9]*' | cut -d: -f2)/ns/pid")" \
  readlink "/proc/$(cat "$work/pid")/ns/pid"
kill "$(cat "$work/pid")"
wait_for ended "$(cat "$work/pid")"
cat >"$work/reaper.py" <<'PYTHON'
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
bothy, work = sys.argv[1:]
exec_command = [bothy, "oci", "--root", work + "/state", "exec", "-d", "--pid-file", work + "/pid", "box", "sh", "-c", "exit 11"]
subprocess.run(exec_command, check=True, stdin=subprocess.DEVNULL)
pid = int(open(work + "/pid").read())
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PYTHON
says 'a subreaper reaps it' 11 python3 "$work/reaper.py" "$bothy" "$work"

# A terminal, sent to a socket as conmon and containerd want it.
python3 - "$work/console.sock" >"$work/received" <<'PYTHON' &
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
connection = listener.accept()[0]
_, fds, _, _ = socket.recv_fds(connection, 100, 1)
text = b""
try:
    while chunk := os.read(fds[0], 1000):
        text += chunk
except OSError:
    pass
sys.stdout.write(text.decode())
PYTHON
wait_for test -S "$work/console.sock"
cat >"$work/tty.json" <<'JSON'
{"terminal": true, "consoleSize": {"height": 10, "width": 110}, "args": ["sh", "-c", "stty size; tty"], "cwd": "/", "env": ["PATH=/bin"]}
JSON
for name in stty tty; do ln -sf busybox "$bundle/rootfs/bin/$name"; done
run 0 'a terminal by a socket' -- oci exec -d --console-socket "$work/console.sock" -p "$work/tty.json" box
wait
run 0 'its size and name' --out '10 110' --out /dev/pts/0 -- cat "$work/received"

# States.
run 0 'preserved descriptors' --out held -- bash -c 'exec 4< <(echo held); "$@"' bash "$bothy" oci --root "$work/state" exec --preserve-fds 2 box \
  sh -c 'cat <&4'
oci kill box KILL
wait_for has_status box stopped
run 255 'a container that has stopped' --err 'container not running' -- oci exec box true
oci delete box
oci create -b "$bundle" box
run 0 'a created container' --out 2 -- oci exec box sh -c 'echo $(($$ + 0 > 1 ? 2 : 1))'
run 0 'is still created' --out '"status":"created"' -- oci state box
oci delete box
# The filter of the container holds for its other processes as well.
config 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5}]}'
ln -sf busybox "$bundle/rootfs/bin/mkdir"
oci run -d -b "$bundle" box
rm "$bundle/config.json"
run 1 'the seccomp filter' --err 'Input/output error' -- oci exec box mkdir /x
oci delete --force box
# A program of the host decides about a call, for each process of the container.
python3 tests/system/oci/seccomp_agent.py "$work/agent" >"$work/listeners" &
agent=$!
wait_for test -S "$work/agent"
command='mkdir /x; exec sleep 1000'
for privileges in True False; do
  config "c['process']['noNewPrivileges'] = $privileges; c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'listenerPath': '$work/agent', 'listenerMetadata': 'mine', 'syscalls': [{'names': ['mkdir', 'mkdirat'], 'action': 'SCMP_ACT_NOTIFY'}]}"
  oci create -b "$bundle" box
  run 0 'a container with a seccomp listener' -- oci start box
  run 1 'what the listener says' --err 'Input/output error' -- oci exec box mkdir /x
  oci delete --force box
done
says 'the listeners' "$(yes "['seccompFd'] mine box True" | head -4)" cat "$work/listeners"
kill "$agent"
rm "$work/agent"
run 1 'without a listener' --err 'failed to connect with seccomp agent' -- oci run -b "$bundle" box
says 'nothing is left of that' '' oci list -q
users='c["linux"]["namespaces"].append({"type": "user"}); c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 700000, "size": 65536}]'
chmod 755 "$work"
config "$users"
chown -R 700000:700000 "$bundle/rootfs"
oci run -d -b "$bundle" box
run 0 'a user namespace' --out '0 700000' -- oci exec box sh -c 'echo $(id -u) $(cat /proc/self/uid_map | sed "s/  */ /g" | cut -d" " -f3)'
oci delete --force box
finish
