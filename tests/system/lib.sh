# Functions of all system tests: make, count and show a check. To be sourced.
# shellcheck shell=bash disable=SC2034 # its variables are for the scripts that source it

passed=0
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bothy=${BOTHY:-build/release/bothy}
kernels=build/guest/x86_64

pass() {
  passed=$((passed + 1))
  printf 'ok      %s\n' "$1"
}

# fail NAME REASON: also prints the output of the last run.
fail() {
  failed=$((failed + 1))
  printf 'FAILED  %s: %s\n' "$1" "$2"
  sed 's/^/    stdout: /' "$work/out" | tail -n 15
  sed 's/^/    stderr: /' "$work/err" | tail -n 15
}

# run STATUS NAME [--out TEXT]... [--err TEXT]... -- COMMAND...
# COMMAND must exit with STATUS, and its stdout and stderr contain each TEXT.
run() {
  local wanted=$1 name=$2 out=() err=() status=0 words
  shift 2
  while [ "$1" != -- ]; do
    case $1 in
    --out) out+=("$2") ;;
    --err) err+=("$2") ;;
    *) echo "run: $1?" >&2 && exit 2 ;;
    esac
    shift 2
  done
  shift
  "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
  if [ "$status" -ne "$wanted" ]; then
    fail "$name" "status $status, expected $wanted"
    return
  fi
  for words in "${out[@]}"; do
    grep -qF -- "$words" "$work/out" || { fail "$name" "stdout lacks '$words'" && return; }
  done
  for words in "${err[@]}"; do
    grep -qF -- "$words" "$work/err" || { fail "$name" "stderr lacks '$words'" && return; }
  done
  pass "$name"
}

# COMMAND must succeed with exactly the output WANTED.
says() { # NAME WANTED COMMAND...
  local name=$1 wanted=$2 status=0
  shift 2
  "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
  if [ $status -eq 0 ] && [ "$(cat "$work/out")" = "$wanted" ]; then pass "$name"; else fail "$name" "status $status"; fi
}

finish() {
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
