# Shared by the scripts beside it: where things are, and how they speak. Sourced, never run.
# shellcheck shell=bash

BOTHY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# What costs minutes to make and doesn't depend on this checkout is kept here, so a second clone takes seconds.
BOTHY_CACHE=${BOTHY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/bothy}
export BOTHY_ROOT BOTHY_CACHE

# Progress and complaints go to stderr: stdout is for results.
say() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: as it is when we are root, through sudo otherwise.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "needs root for: $* (run it as root, or install sudo)"
  fi
}

# debian_package PACKAGE [NAME]: prints the directory that holds one of Debian's packages, unpacked but not installed, under
# which NAME (PACKAGE) has it; fetches it first when it isn't there. What was fetched once stays in use, without network,
# until its link $BOTHY_CACHE/debian/PACKAGE is removed: a program that changes by itself helps no test.
debian_package() {
  local package=$1 name=${2:-$1} store=$BOTHY_CACHE/debian version unpacked work
  if [ ! -d "$store/$package" ]; then
    if ! have apt-cache || ! have dpkg-deb; then
      die "$package: packages are fetched with apt-get and dpkg-deb, which aren't here"
    fi
    version=$(apt-cache show --no-all-versions "$name" 2>/dev/null | sed -n 's/^Version: //p' | head -n 1) || true
    [ -n "$version" ] || die "$package: apt knows no such package (try: apt-get update)"
    unpacked=${name}_$version
    if [ ! -d "$store/$unpacked" ]; then
      say "fetching $name $version"
      mkdir -p "$store"
      work=$(mktemp -d "$store/.fetch.XXXXXX")
      # As root apt drops to a user of its own, who can't write here.
      if ! (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download "$name=$version" >&2) ||
        ! dpkg-deb -x "$work"/*.deb "$work/tree"; then
        rm -rf "$work"
        die "$name: can't be fetched with apt-get download (try: apt-get update)"
      fi
      chmod 755 "$work/tree"
      # Whoever else unpacked it meanwhile has the same content.
      mv -T "$work/tree" "$store/$unpacked" 2>/dev/null || [ -d "$store/$unpacked" ] || die "can't write $store/$unpacked"
      rm -rf "$work"
    fi
    ln -sfn "$unpacked" "$store/.link.$$" && mv -T "$store/.link.$$" "$store/$package"
  fi
  (cd "$store/$package" && pwd -P)
}

# debian_kernel_package PACKAGE: the same for a packaged kernel (boot/vmlinuz-*, boot/config-*, lib/modules/*). A metapackage
# (linux-image-amd64, linux-image-cloud-amd64) stands for the kernel it depends on.
debian_kernel_package() {
  local package=$1 name=''
  # A versioned name resolves to itself: it depends on no other linux-image.
  if [ ! -d "$BOTHY_CACHE/debian/$package" ] && have apt-cache; then
    name=$(apt-cache depends --important "$package" 2>/dev/null |
      sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p' | head -n 1) || true
  fi
  debian_package "$package" "${name:-$package}"
}
