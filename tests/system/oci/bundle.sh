# Bundles for tests of `bothy oci`: to be sourced after lib.sh, from the source directory.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of and for the scripts that source it

cp "$bothy" "$work"
bothy=$work/bothy
bundle=$work/bundle
oci() { "$bothy" oci --root "$work/state" "$@"; }
covered_cgroups=
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then mount -t cgroup2 none /sys/fs/cgroup && covered_cgroups=yes; fi

# config [PYTHON]: the bundle's config.json for `sh -c "$command"`; PYTHON changes the object `c`.
command=true
config() {
  local name
  mkdir -p "$bundle/rootfs"/{bin,proc,dev,sys}
  cp /bin/busybox "$bundle/rootfs/bin"
  for name in sh true cat echo head hostname id ls ps sleep stat stty touch; do ln -sf busybox "$bundle/rootfs/bin/$name"; done
  PYTHONPATH=tests/bench python3 - "$bundle/config.json" "$command" "${1:-}" <<'PYTHON'
import json, sys
from container import config
c = config(["sh", "-c", sys.argv[2]], device_filter=True)
exec(sys.argv[3])
json.dump(c, open(sys.argv[1], "w"))
PYTHON
}
# True once the process has ended: nobody may have waited for it.
ended() { ! grep -Eqs '^State:\s+[^ZX]' "/proc/$1/status"; }
# wait_for COMMAND...: until it succeeds, for a minute at most.
wait_for() {
  local attempt
  for attempt in $(seq 600); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  fail "waiting for '$*'" "not within $((attempt / 10)) s"
}
has_status() { oci state "$1" | grep -q "\"status\":\"$2\""; }
