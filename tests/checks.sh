# Sourced by the shell tests: one line per check, and an exit status that says whether any failed.
#   ok NAME | fail NAME [DETAIL] | skip NAME REASON | finish
# And how they wait: await_that PROCESS CONDITION...

failures=0

ok() { echo "ok $1"; }

fail() {
  echo "FAILED $1"
  [[ -z ${2:-} ]] || printf '%s\n' "$2" | head -n 30 | sed 's/^/    /'
  failures=$((failures + 1))
}

skip() { echo "skipped $1: $2"; }

# check NAME COMMAND...: ok when the command succeeds; what it printed is the detail when it does not.
check() {
  local check_name=$1 check_output
  shift
  if check_output=$("$@" 2>&1); then ok "$check_name"; else fail "$check_name" "$check_output"; fi
}

# Seconds to wait for a program at most. Longer than any disk or busy machine makes it take: the end of it is a fault.
patience=300

# await_that PROCESS CONDITION...: waits until that holds; false when the child of this shell has ended without it, or
# patience has.
await_that() {
  local process=$1 until=$((SECONDS + patience))
  shift
  while ! "$@"; do
    if ! kill -0 "$process" 2>/dev/null || ((SECONDS >= until)); then
      "$@"
      return
    fi
    sleep 0.1
  done
}

finish() { exit $((failures > 0)); }
