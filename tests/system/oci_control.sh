#!/usr/bin/env bash
# `bothy oci`: what asks about containers and controls them: list, ps, pause, resume, update, events, features, spec. As root.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
. tests/system/oci/bundle.sh

# json NAME EXPRESSION COMMAND...: EXPRESSION of Python holds for the JSON `r` that COMMAND prints.
json() {
  local name=$1 expression=$2
  shift 2
  if "$@" >"$work/json" 2>"$work/err" && python3 - "$work/json" "$expression" 2>>"$work/err" <<'PYTHON'; then pass "$name"; else fail "$name" "$(cat "$work/json" "$work/err")"; fi
import json, sys
r = json.load(open(sys.argv[1]))
assert eval(sys.argv[2]), r
PYTHON
}
pid_of() { oci state "$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["pid"])'; }

# list.
run 0 'a list without containers' --out ID --out OWNER -- oci list
json 'as JSON' 'r == []' oci list --format json
command='sleep 1000 & exec sleep 1001'
config
oci create -b "$bundle" made
oci run -d -b "$bundle" box
run 0 'the ids' --out "$(printf 'box\nmade')" -- oci list -q
run 0 'the table' --out 'running' --out "$bundle" -- oci list
json 'the list as JSON' '{c["id"]: c["status"] for c in r} == {"box": "running", "made": "created"} and all(c["pid"] > 0 for c in r)' oci list -f json
oci delete --force made

# ps.
wait_for sh -c '"$@" ps box | grep -q "sleep 1000"' sh "$bothy" oci --root "$work/state"
json 'processes as JSON' "len(r) == 2 and $(pid_of box) in r" oci ps --format json box
run 0 'as a table' --out 'PID' --out 'sleep 1000' --out 'sleep 1001' -- oci ps box
run 0 'with options of ps' --out COMMAND --out 'sleep 1001' -- oci ps box -o pid,args
run 1 'of no container' --err 'does not exist' -- oci ps nobody
run 1 'without the column PID' --err PID -- oci ps box -o args

# pause and resume.
run 0 'pause' -- oci pause box
run 0 'it is paused' --out '"status":"paused"' -- oci state box
run 1 'pause again' --err paused -- oci pause box
run 255 'exec in it' --err 'cannot exec in a paused container' -- oci exec box true
run 0 'resume' -- oci resume box
run 0 'it is running' --out '"status":"running"' -- oci state box
run 1 'resume again' --err 'it is running' -- oci resume box

# update.
run 0 'update' -- oci update --pids-limit 77 box
json 'the new limit' 'r["type"] == "stats" and r["id"] == "box" and r["data"]["pids"] == {"current": 2, "limit": 77}' oci events --stats box
run 0 'update by JSON' -- sh -c 'echo "{\"pids\": {\"limit\": 78}}" | "$@"' sh "$bothy" oci --root "$work/state" update -r - box
json 'its limit' 'r["data"]["pids"]["limit"] == 78' oci events --stats box
run 1 'a value that is no number' --err "--pids-limit 'many'" -- oci update --pids-limit many box
run 1 'JSON that is none' --err 'JSON' -- sh -c 'echo "{" | "$@"' sh "$bothy" oci --root "$work/state" update -r - box
run 1 'what is not supported' --err 'not supported' -- oci update --l3-cache-schema L3:0=f box
json 'a refusal changes nothing' 'r["data"]["pids"]["limit"] == 78' oci events --stats box

# events: until the container's end.
oci events --interval 50ms box >"$work/events" &
events=$!
wait_for sh -c '[ "$(wc -l <"$1")" -ge 2 ]' sh "$work/events"
oci kill box KILL
run 0 'events end with the container' -- sh -c 'tail --pid="$1" -f /dev/null' sh $events
run 0 'each is an object of its own line' -- python3 -c 'import json, sys
assert all(json.loads(line)["type"] == "stats" for line in open(sys.argv[1]))' "$work/events"
wait_for has_status box stopped
run 1 'events of one that has stopped' --err 'container not running' -- oci events --stats box
run 1 'pause of one that has stopped' --err 'not running' -- oci pause box
run 1 'update of one that has stopped' --err 'not running' -- oci update --pids-limit 5 box
run 0 'the processes of one that has stopped' --out '[]' -- oci ps -f json box
oci delete box

# features and spec.
json 'features' '"CAP_CHOWN" in r["linux"]["capabilities"] and "user" in r["linux"]["namespaces"] and r["linux"]["seccomp"]["enabled"]' oci features
mkdir "$work/spec"
run 0 'spec' -- oci spec -b "$work/spec"
json 'its config.json' 'r["process"]["args"] and r["root"]["path"] == "rootfs"' cat "$work/spec/config.json"
run 1 'an existing config.json stays' --err exists -- oci spec -b "$work/spec"
cp -a "$bundle/rootfs" "$work/spec"
python3 - "$work/spec/config.json" <<'PYTHON'
import json, sys
c = json.load(open(sys.argv[1]))
c["process"].update(args=["sh", "-c", "echo it runs"], terminal=False)
json.dump(c, open(sys.argv[1], "w"))
PYTHON
run 0 'a container of that spec' --out 'it runs' -- oci run -b "$work/spec" box
if [ -n "$(ls -A "$work/state")" ]; then fail 'nothing is left' "$(ls "$work/state")"; else pass 'nothing is left'; fi
finish
