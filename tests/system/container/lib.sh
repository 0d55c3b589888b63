# Functions of the tests of hostile containers. To be sourced after lib.sh.
# shellcheck shell=bash disable=SC2154 # lib.sh and instances.sh set work and bothy

isolation=container
. tests/system/instances.sh
probe=build/probes/probe
outside=$work/outside # what nothing of a container may touch

build_probe() {
  mkdir -p "${probe%/*}"
  "${CC:-cc}" -std=gnu17 -O1 -Wall -Wextra -static -o $probe tests/system/container/probe*.c
}

# The image bb has the probe, programs that are links to the host's side, and links that lead to $outside.
import_hostile_image() {
  local name
  mkdir -p "$outside" "$work/volume" "$work/root/bin" "$work/bundle"
  echo of the volume >"$work/volume/file"
  for name in cut mkfifo umount xargs; do ln -s busybox "$work/root/bin/$name"; done
  ln -s /proc/self/exe "$work/root/bin/self"
  printf '#!/proc/self/exe\n' >"$work/root/bin/script"
  chmod 755 "$work/root/bin/script"
  ln -s "$outside" "$work/root/out"
  ln -s "../../../../../../../..$outside" "$work/root/up"
  ln -s /proc/self/fd "$work/root/fds"
  ln -s home "$work/root/link"
  import_image $probe
}

# The probe's COMMAND finds nothing; it finds something.
holds() { run 0 "holds:   $1" -- "${@:2}"; }
notices() { run 3 "notices: $1" -- "${@:2}"; }

inside() { "$bothy" exec "$@"; }

# Ends with 1 when COMMAND fails, with whatever status.
failing() { "$@" || return 1; }

# A container that lasts.
detached() { # NAME FLAG... IMAGE COMMAND...
  run 0 "a container: $1" -- "$bothy" run -d --network none --name "$@"
}

# A bundle with a copy of the image's files for its root.
new_root() {
  rm -rf "$work/bundle/rootfs"
  cp -a "$work/root" "$work/bundle/rootfs"
  mkdir "$work/bundle/rootfs"/{dev,proc,sys}
}

# Runs a bundle; see container/bundle.py for CHANGE.
oci_run() { # [FLAG]... -- CHANGE COMMAND...
  local flags=()
  while [ "$1" != -- ]; do
    flags+=("$1")
    shift
  done
  python3 tests/system/container/bundle.py "$work/bundle" "${@:2}"
  "$bothy" oci --root "$work/oci" run -b "$work/bundle" "${flags[@]}" "hostile-$$"
}

# Runs COMMAND with a terminal.
typed() { # COMMAND...
  script -qec "$(printf '%q ' "$@")" /dev/null
}

nothing_outside() { # NAME
  if [ -z "$(find "$outside" -mindepth 1)" ] && ! grep -qF " $outside" /proc/self/mountinfo; then
    pass "holds:   $1"
  else
    fail "$1" "outside: $(find "$outside" -mindepth 1)"
  fi
}

leftovers() {
  find "$work/oci" "$work/run/instances" "$work/run/names" -mindepth 1
  grep "$work" /proc/self/mountinfo
  losetup --list --noheadings --output BACK-FILE | grep "$work"
  pgrep -af "^$bothy"
  find /sys/fs/cgroup -name "hostile-$$"
}

# The owner of an instance ends a moment after its clients.
nothing_left() {
  local left=''
  for _ in $(seq 100); do
    left=$(leftovers) || true
    if [ -z "$left" ]; then
      pass 'nothing is left'
      return
    fi
    sleep 0.1
  done
  fail 'nothing is left' "$left"
}
