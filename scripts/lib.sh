# Shared by the scripts of this directory: paths, messages, Debian packages. To be sourced.
# shellcheck shell=bash

BOTHY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Holds products that take minutes to make and don't depend on the checkout: a second clone is then ready in seconds.
BOTHY_CACHE=${BOTHY_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/bothy}
export BOTHY_ROOT BOTHY_CACHE

# Progress and warnings go to stderr: stdout is for results.
say() { printf '==> %s\n' "$*" >&2; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND...: runs COMMAND as root, through sudo where that is necessary.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo "$@"
  else
    die "root is required for: $* (run this script as root, or install sudo)"
  fi
}

# debian_suite SUITE: sets debian_apt, options of apt-get and apt-cache. With SUITE (trixie, sid) they look at that suite of
# this machine's own mirror by lists in the cache; the machine's lists and installed packages play no part.
debian_suite() {
  local suite=$1 directory=$BOTHY_CACHE/debian/apt-$1 mirror
  debian_apt=()
  [ -n "$suite" ] || return 0
  # As root apt drops to a user of its own, who can't write here.
  debian_apt=(-o Dir::Etc::sourcelist="$directory/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State="$directory/state" -o Dir::Cache="$directory/cache" -o Dir::State::status="$directory/status"
    -o APT::Sandbox::User=root)
  [ ! -e "$directory/updated" ] || return 0
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' | head -n 1)
  [ -n "$mirror" ] || die "apt has no mirror of Debian's among its sources"
  mkdir -p "$directory/state/lists/partial" "$directory/cache/archives/partial"
  : >"$directory/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$directory/sources.list"
  apt-get -qq "${debian_apt[@]}" update >&2 || die "can't get the package lists of Debian's suite $suite"
  touch "$directory/updated"
}

# debian_package PACKAGE [NAMES [SUITE]]: prints the directory of the unpacked (not installed) Debian package PACKAGE, whose
# names for apt are NAMES: one, or several whose files belong together. It is fetched when the cache doesn't have it. A fetched version stays in use, without network, until
# the link $BOTHY_CACHE/debian/[SUITE-]PACKAGE is removed, so that tests don't change by themselves.
debian_package() {
  local package=$1 names=${2:-$1} suite=${3:-} store=$BOTHY_CACHE/debian name link version unpacked work part debian_apt=()
  name=${names%% *}
  link=$store/${suite:+$suite-}$package
  if [ ! -d "$link" ]; then
    if ! have apt-cache || ! have dpkg-deb; then
      die "$package: fetching packages needs apt-get and dpkg-deb, which are not installed"
    fi
    debian_suite "$suite"
    version=$(apt-cache "${debian_apt[@]}" show --no-all-versions "$name" 2>/dev/null | sed -n 's/^Version: //p' | head -n 1) || true
    [ -n "$version" ] || die "$package: unknown to apt (try: apt-get update)"
    unpacked=${name}_$version
    if [ ! -d "$store/$unpacked" ]; then
      say "fetching $name $version"
      mkdir -p "$store"
      work=$(mktemp -d "$store/.fetch.XXXXXX")
      # shellcheck disable=SC2086 # names of packages, one a word
      if ! (cd "$work" && apt-get -qq "${debian_apt[@]}" -o APT::Sandbox::User=root download $names >&2) ||
        ! (for part in "$work"/*.deb; do dpkg-deb -x "$part" "$work/tree" || exit; done); then
        rm -rf "$work"
        die "can't fetch $name with apt-get download (try: apt-get update)"
      fi
      chmod 755 "$work/tree"
      # Another process that has unpacked the package meanwhile has the same content.
      mv -T "$work/tree" "$store/$unpacked" 2>/dev/null || [ -d "$store/$unpacked" ] || die "can't write $store/$unpacked"
      rm -rf "$work"
    fi
    ln -sfn "$unpacked" "$store/.link.$$" && mv -T "$store/.link.$$" "$link"
  fi
  (cd "$link" && pwd -P)
}

# debian_kernel_package PACKAGE [SUITE]: debian_package for a packaged kernel (boot/vmlinuz-*, boot/config-*, lib/modules/*).
# A metapackage (linux-image-amd64, linux-image-cloud-amd64) stands for the kernel that it depends on.
debian_kernel_package() {
  local package=$1 suite=${2:-} name='' debian_apt=()
  # A versioned name resolves to itself: it depends on no other linux-image.
  if [ ! -d "$BOTHY_CACHE/debian/${suite:+$suite-}$package" ] && have apt-cache; then
    debian_suite "$suite"
    name=$(debian_depends "$package" 'linux-image-[0-9]' | head -n 1)
    # Newer kernels have the image and the modules in packages that the versioned one depends on.
    name="${name:-$package} $(debian_depends "${name:-$package}" 'linux-(binary|modules)-[0-9]' | tr '\n' ' ')"
  fi
  debian_package "$package" "${name% }" "$suite"
}

# debian_depends PACKAGE PATTERN: the names of the packages that PACKAGE depends on and whose beginning matches PATTERN.
debian_depends() {
  apt-cache "${debian_apt[@]}" depends --important "$1" 2>/dev/null | sed -nE "s/^ *Depends: (($2).*)\$/\1/p" || true
}
