#!/usr/bin/env bash
# `bothy bench`: that it measures, reports, compares and cleans up. No figure decides. As root. Requires python3.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/system/lib.sh
cp "$bothy" "$work"
bothy=$work/bothy
export TMPDIR=$work
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then mount -t cgroup2 none /sys/fs/cgroup; fi
walls=container,process,oci

# json NAME EXPRESSION: EXPRESSION of Python holds for the results in $work/results.
json() {
  if python3 - "$work/results/bench.json" "$2" >"$work/told" 2>&1 <<'PYTHON'; then pass "$1"; else cp "$work/told" "$work/err" && fail "$1" "$2"; fi
import json, sys
r = json.load(open(sys.argv[1]))
assert r["schema"] == "bothy-bench/1"
def series(metric, subject): return [s for s in r["series"] if s["metric"] == metric and s["subject"] == subject]
def fact(topic, name, subject): return [f["value"] for f in r["facts"] if (f["topic"], f["name"], f["subject"]) == (topic, name, subject)][0]
def count(metric, subject): return sum(len(start) for s in series(metric, subject) if not s["parameters"] for session in s["samples"] for start in session)
def count_at(metric, subject, name, value): return sum(len(start) for s in series(metric, subject) if s["parameters"] == {name: value} for session in s["samples"] for start in session)
assert eval(sys.argv[2]), "not so"
PYTHON
}
bench() { "$bothy" bench "$@" --seed 7 --output "$work/results"; }
# nothing_left NAME: no process, no mount and no file of a benchmark's.
nothing_left() {
  if pgrep -f "$work/bothy" >"$work/err" || grep "$work/bothy-bench" /proc/mounts >>"$work/err" || find "$work" -maxdepth 1 -name 'bothy-bench.*' | grep . >>"$work/err"; then
    fail "$1" "$(cat "$work/err")"
  else
    pass "$1"
  fi
}

run 0 'start-ups' --out 'start to the workload' --out 'bench.html' -- \
  bench startup --quick --sessions 2 --runs 3 --subject $walls
nothing_left 'nothing is left'
json 'every start is there' "all(count('startup.first-byte', s) == 6 for s in '$walls'.split(','))"
json 'no start failed' 'not any(s["failures"] for s in r["series"])'
json 'no start takes no time' 'min(x for s in r["series"] for session in s["samples"] for start in session for x in start) > 0'
json 'the seed, the host and the A/A run are recorded' 'r["run"]["seed"] == 7 and r["host"]["class"] in ("bare", "nested", "emulated", "none") and "null" in r["noise"]'
json 'ten at once' 'any(s["parameters"] == {"at once": "10"} for s in series("startup.rate", "container"))'
json 'an HTTP answer' 'len([1 for s in series("startup.http", "container") if s["parameters"]["network"] == "host" and s["samples"]]) == 1'
json 'steps' 'any(s["parameters"]["step"] == "process cloned" for s in series("startup.phase", "container"))'
for format in text markdown csv html; do
  run 0 "a report as $format" --out 'container' -- "$bothy" bench report --format $format "$work/results"
done
cp -r "$work/results" "$work/before"
# Few starts may be inconclusive: status 2.
run 0 'a run beside itself is not slower' --out '0 slower, 0 faster' -- \
  sh -c '"$@" | tail -n 5; [ "$("$@" | grep -c "^slower")" = 0 ]' sh "$bothy" bench compare --threshold 50 "$work/before" "$work/results"
sed 's/"class":"[a-z]*"/"class":"other"/' "$work/results/bench.json" >"$work/other.json"
run 125 'a run on another kind of host is refused' --err "host class is" -- "$bothy" bench compare "$work/before" "$work/other.json"
python3 - "$work/results/bench.json" "$work/slow.json" <<'PYTHON'
import json, sys
r = json.load(open(sys.argv[1]))
for s in r["series"]:
    if s["subject"] == "oci": s["samples"] = [[[2 * x for x in start] for start in session] for session in s["samples"]]
json.dump(r, open(sys.argv[2], "w"))
PYTHON
run 1 'one twice as slow is found' --out 'slower' -- "$bothy" bench compare "$work/before" "$work/slow.json"

run 125 'nothing is advised without a microVM' --err 'no run has both a microVM and a container' -- "$bothy" bench advise "$work/results"
python3 - "$work/results/bench.json" "$work" <<'PYTHON'
import json, sys
r = json.load(open(sys.argv[1]))
starts = [s for s in r["series"] if s["subject"] == "container" and s["metric"] != "noise.first-byte"]
def write(name, **changes): json.dump({**r, **changes}, open(f"{sys.argv[2]}/{name}.json", "w"))
samples = lambda value: [[[value + i] for i in range(6)]] * 2
both = [{**s, "subject": name, "samples": samples(value)} for s in starts if s["metric"] == "startup.first-byte" for name, value in (("container", 10**6), ("vm", 3 * 10**6))]
write("both", series=both, noise={"lower": 0.99, "upper": 1.01, "null": True}, subjects=[{**s, "measured": True} for s in r["subjects"]] + [{"name": "vm", "kind": "vm", "version": "", "command": "", "note": "", "measured": True}])
write("fast", series=[{**s, "samples": [[[x / 100 for x in start] for start in session] for session in s["samples"]]} for s in starts])
PYTHON
run 0 'what a microVM costs' --out 'first byte: 3.00 ms in a microVM, 1.00 ms in a container: x3.00 (3.00-3.00)' --out 'ratio only' --out 'not measured of both: processor time' -- "$bothy" bench advise "$work/both.json"
run 125 'results of another image' --err 'has measured another image' -- "$bothy" bench advise --image "$work" "$work/both.json"
run 1 'slower than a baseline' --out 'slower' --out ' 0 faster' -- bench startup --quick --sessions 2 --runs 3 --subject container --baseline "$work/fast.json"
run 125 'a baseline of another kind of host, before anything is measured' --err 'host class is' -- bench startup --baseline "$work/other.json"
run 125 'a baseline that would be overwritten' --err 'another directory' -- bench startup --baseline "$work/results"

run 0 'inside' --out 'system call' -- bench inside --quick --sessions 1 --runs 2 --subject $walls
json 'each probe ran in each' "all(len(series(s['metric'], w)) == 1 and count(s['metric'], w) == 3 for s in r['series'] if s['metric'].startswith('inside.') for w in '$walls'.split(','))"
run 0 'storage' --out 'durable write of 4 KiB' -- bench storage --quick --sessions 1 --runs 2 --subject $walls
json 'each place that a subject has' "all(count_at('storage.' + m, w, 'at', p) == 3 for m in ('sync-write', 'write', 'read', 'random-read') for w, p in (('container', 'root'), ('container', 'volume'), ('container', 'disk'), ('process', 'volume'), ('oci', 'volume')))"
json 'and none that it has not, by name' "all(s['validity'] == 'not measurable here' and s['subject'] in s['reason'] and not s['samples'] for s in r['series'] if s['metric'].startswith('storage.') and (s['subject'], s['parameters']['at']) in (('process', 'root'), ('process', 'disk'), ('oci', 'root'), ('oci', 'disk')))"
json 'the file systems' 'fact("file system", "root", "container") == "overlay" and fact("file system", "volume", "container") == fact("file system", "volume", "process")'
run 0 'network' --out 'TCP connections a second' -- bench network --quick --sessions 1 --runs 2 --subject $walls
json 'to each subject that has a network, and inside each' "all(count_at('network.' + m, w, 'path', p) == 3 for m in ('latency', 'to-instance', 'from-instance', 'connections') for w, p in (('container', 'host to instance'), ('process', 'host to instance'), ('container', 'loopback inside'), ('process', 'loopback inside'), ('oci', 'loopback inside')))"
json 'one without a network says so' "all('oci' in s['reason'] for s in series('network.latency', 'oci') if s['parameters']['path'] == 'host to instance') and fact('network', 'by', 'container') == 'pasta'"
run 0 'memory and its slope' --out 'by PSS' -- bench memory --quick --sessions 1 --runs 2 --subject container,process
json 'a curve' 'count("memory.pss", "container") == 6'
run 0 'density' --out 'left behind' -- bench density --instances 12 --sessions 1 --runs 2 --subject $walls
json 'all of them, alive, and nothing left' "all(fact('density', 'instances', s) == '12' and fact('density', 'alive', s) == '12' and fact('density', 'left behind', s) == 'nothing' for s in '$walls'.split(','))"
run 0 'neighbours' --out 'request beside hogs' -- bench neighbours --quick --sessions 1 --runs 2 --subject $walls
json 'requests beside each hog, and alone' "all(sorted(s['parameters']['hogs'] for s in series('neighbours.request', w) if len(s['samples'][0][0]) == 100) == ['cpu', 'descriptors', 'forks', 'io', 'memory', 'none'] for w in '$walls'.split(','))"
json 'how much slower' "all(fact('slower beside hogs', 'cpu', w).startswith('x') for w in '$walls'.split(','))"
run 0 'isolation' --out 'escape' -- bench isolation --sessions 1 --runs 2 --subject $walls
json 'the container refuses what a process of the host may do' 'fact("escape", "mount", "container") == fact("escape", "host-process", "container") == "refused" and fact("escape", "host-process", "process") == "allowed"'
json 'no way leads out of the container' 'not [f["name"] for f in r["facts"] if f["topic"] == "escape" and f["subject"] == "container" and f["value"] != "refused"]'
json 'most ways are proven by a weaker wall' 'sum(f["value"] == "leads out" for f in r["facts"] if f["subject"] == "weakened") > 25'
json 'the filter that is installed is read' 'int(fact("system calls", "workload: x86_64", "container").split()[0]) < int(fact("system calls", "workload: x86_64", "process").split()[0])'
mkdir -p "$work/with-shell/bin" "$work/empty"
cp "$(command -v busybox)" "$work/with-shell/bin/sh"
run 0 'portability' --out 'disk space of an image' -- \
  bench portability --sessions 1 --runs 2 --subject $walls --images "$work/with-shell,$work/empty/"
json 'which images start, and why not' "all(fact('starts', 'with-shell', w) == 'yes' and fact('starts', 'empty', w) == 'no' for w in ('container', 'oci'))"
json 'with the reason' 'all("No such file" in f["note"] for f in r["facts"] if f["topic"] == "starts" and f["value"] == "no")'
json 'what an image takes' 'count("portability.prepare", "container") == 2 and count("portability.bytes", "container") == 2'
run 125 'no such image among several' --err nothere -- bench portability --images "$work/empty,./nothere"
nothing_left 'nothing is left of all that'

# An interruption keeps what was measured, and cleans up.
timeout --signal INT 6 "$bothy" bench startup --runs 1000 --sessions 1000 --subject $walls --output "$work/interrupted" >"$work/told" 2>"$work/said" || true
run 0 'it says so' --out 'interrupted' -- cat "$work/said"
run 0 'and what was measured is a report' --out 'container' -- "$bothy" bench report "$work/interrupted"
nothing_left 'and nothing is left'

run 125 'an unknown subject' --err "unknown subject 'lxc'" --err 'container' -- bench startup --subject lxc
run 125 'a subject that is not here' --err 'gvisor: runsc is not installed' -- env PATH=/nothere "$bothy" bench startup --subject gvisor --output "$work/out2"
run 125 'an unknown area' --err 'AREA' -- bench everything
run 125 'no such image' --err nothere -- bench startup --image ./nothere
echo '{}' >"$work/bench.json"
run 125 'no results' --err schema -- "$bothy" bench report "$work"
run 125 'nothing to report' --err nothere -- "$bothy" bench report "$work/nothere"
finish
