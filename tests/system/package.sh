#!/usr/bin/env bash
# What `cmake --install` and the Debian package put where, that it works there, and that removal leaves nothing. As root.
#
#   package.sh --prepare    makes the package
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --prepare ]; then exec scripts/package --no-lintian; fi
. tests/system/lib.sh
package=$(echo build/package/bothy_*.deb)

export BOTHY_STORE=$work/store BOTHY_RUN=$work/run
mkdir -p "$work/image/bin" && cp /bin/busybox "$work/image/bin/" && ln -s busybox "$work/image/bin/true"

# works WHERE: what is installed below the directory $prefix is complete.
works() {
  local man=$prefix/share/man page
  says "$1: the executable" "bothy $version" "$prefix/bin/bothy" --version
  run 0 "$1: bothy-oci is the OCI runtime" --out "bothy-oci version $version" -- "$prefix/bin/bothy-oci" --version
  run 0 "$1: its features" --out '"ociVersionMin"' -- "$prefix/bin/bothy-oci" features
  run 0 "$1: bothy-vm is one" --out "bothy-vm version $version" -- "$prefix/bin/bothy-vm" --version
  for page in bothy bothy-run bothy-image-import bothy-oci bothy-vm bothy-oci-create; do
    run 0 "$1: the page $page" --out SYNOPSIS -- env MANPAGER=cat man -M "$man" "$page"
  done
  says "$1: bash completes a command" 'run resume rm' completed bothy r
  says "$1: bash completes a flag" '--publish --pull' completed bothy run --pu
  says "$1: bash completes the value of a flag" 'missing never always' completed bothy run --pull ''
  says "$1: bash completes a verb" 'create' completed bothy-oci --root /tmp cr
  says "$1: of the other runtime as well" 'create' completed bothy-vm --root /tmp cr
  says "$1: bash completes a command of a group" 'prune' completed bothy image pr
  run 0 "$1: the engines' settings name both" -- settings_name "$2/bin"
  found_kernel "$1"
}

# completed WORD...: what bash offers for the last word.
completed() {
  # The file that bash would read for the program's name.
  bash -c '. "$0/share/bash-completion/completions/$1" && COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) && _bothy && echo "${COMPREPLY[*]}"' \
    "$prefix" "$@"
}

settings_name() {
  python3 - "$prefix/share/bothy" "$1" <<'PYTHON'
import json, sys, tomllib
directory, programs = sys.argv[1:]
paths = {"bothy": programs + "/bothy-oci", "bothy-vm": programs + "/bothy-vm"}
podman = tomllib.load(open(directory + "/containers.conf", "rb"))["engine"]
assert podman["runtimes"] == {name: [path] for name, path in paths.items()} and set(paths) < set(podman["runtime_supports_json"]), podman
containerd = tomllib.load(open(directory + "/containerd.toml", "rb"))
runtimes = containerd["plugins"]["io.containerd.grpc.v1.cri"]["containerd"]["runtimes"]
runtimes.pop("runc")  # containerd's default, which must be there
assert {name: runtime["options"]["BinaryName"] for name, runtime in runtimes.items()} == paths, containerd
assert json.load(open(directory + "/docker.json"))["runtimes"] == {name: {"path": path} for name, path in paths.items()}
PYTHON
}

# A microVM's kernel is looked for before anything that this host may not have.
found_kernel() {
  local start=("$prefix/bin/bothy" run --rm --isolation vm --network none --timeout 1s "$work/image" true)
  "${start[@]}" >"$work/out" 2>"$work/err" </dev/null || true
  if grep -q 'no kernel for guests' "$work/err"; then fail "$1: the guests' kernel" 'not found'; else pass "$1: the guests' kernel"; fi
  mv "$prefix/lib/bothy/vmlinux" "$work/vmlinux"
  run 125 "$1: which is the installed one" --err 'no kernel for guests found' -- "${start[@]}"
  mv "$work/vmlinux" "$prefix/lib/bothy/vmlinux"
}

version=$(dpkg-deb --field "$package" Version)
prefix=$work/prefix
run 0 'cmake --install' -- cmake --install build/release --prefix "$prefix" --strip
works 'installed' "$prefix"
says 'the executable is stripped' '' nm "$prefix/bin/bothy"
says 'the installed kernel is the built one' '' diff "$prefix/lib/bothy/vmlinux" $kernels/vmlinux

run 0 'lintian' -- lintian --allow-root --fail-on error,warning "$package"
run 0 'the same package once more' -- scripts/package --no-lintian --output "$work/again"
run 0 'has the same bytes' -- cmp "$package" "$work/again/${package##*/}"

# dpkg's own database, empty, beside the files.
mkdir -p "$work/root/var/lib/dpkg"/{info,updates,triggers} && : >"$work/root/var/lib/dpkg/status"
in_root() { dpkg --root="$work/root" --log=/dev/null "$@"; }
prefix=$work/root/usr
run 0 'dpkg installs it, without another package' -- in_root --install "$package"
run 0 'it is installed' --out 'install ok installed' -- in_root --status bothy
works 'the package' /usr
run 0 'files are as the package says' -- in_root --verify bothy
says 'no file of another owner, or writable by others' '' find "$work/root/usr" ! -type l \( ! -user 0 -o ! -group 0 -o -perm /022 \)
run 0 'dpkg removes it' -- in_root --remove bothy
says 'nothing is left' '' find "$work/root" -mindepth 1 -not -path "$work/root/var*"

finish
