#!/usr/bin/env bash
# The demonstration of scripts/demo, for a machine whose KVM runs Linux: boots a bare kernel, then runs an image both ways.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
cd "$BOTHY_ROOT"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BOTHY_STORE=$work/images BOTHY_RUN=$work/run

show() {
  say "bothy $*"
  build/release/bothy "$@"
}

show boot --kernel build/guest/x86_64/vmlinux --initrd build/guest/x86_64/testinit.cpio \
  --cpus 2 --memory 128M --cmdline quiet --timeout 120s --boot-timer

# A minimal root file system. Images of Docker, Podman and buildah are imported in the same way.
mkdir -p "$work/demo/bin" "$work/demo/tmp"
cp /bin/busybox "$work/demo/bin"
for name in sh uname id ls head cut tr wc nproc; do ln -s busybox "$work/demo/bin/$name"; done
show image import "$work/demo" --name demo

# Prints, as NAME=VALUE lines, what a command sees from inside.
# shellcheck disable=SC2016 # for the shell inside
look='echo "kernel=$(uname -r)"; echo "user=$(id -u)"; echo "user id on the host=$(tr -s " " </proc/self/uid_map | head -n 1 | cut -d " " -f 3)"
  echo "processors=$(nproc)"; echo "memory=$(head -n 1 /proc/meminfo | tr -s " " | cut -d " " -f 2,3)"; echo "files in /=$(ls / | tr "\n" " ")"'
# both WALL: runs the command, and notes its output and how long it took.
both() {
  local started=$EPOCHREALTIME
  build/release/bothy run --rm --isolation "$1" --network none demo sh -c "$look" >"$work/$1"
  echo "whole run, ms=$(((${EPOCHREALTIME/./} - ${started/./}) / 1000))" >>"$work/$1"
}
say "the same image both ways: bothy run --isolation vm|container --rm demo sh -c ..."
both vm
both container # the first of an image mounts its disk
both container
printf '%-22s %-26s %s\n' '' 'vm' 'container'
while IFS='=' read -r name value; do
  printf '%-22s %-26s %s\n' "$name" "$value" "$(sed -n "s|^$name=||p" "$work/container")"
done <"$work/vm"
say "the host: $(uname -r)"

say "both measured: bothy bench startup --quick --subject vm,container,process --image ..."
# In the rig, files below $RIG_OUT alone stay.
results=${RIG_OUT:-$BOTHY_ROOT/build}/demo-bench
build/release/bothy bench startup --quick --sessions 1 --runs 3 --subject vm,container,process --image "$work/demo" --output "$results"
say "the page: $results/bench.html"
