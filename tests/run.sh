#!/usr/bin/env bash
# Runs the unit tests and then the shell tests, and closes with their total. Called by `make test`:
#   TEST_ARGS=OPTIONS tests/run.sh UNIT_TEST_PROGRAM SHELL_TEST...
# A shell test prints `ok NAME`, `FAILED NAME` or `skipped NAME: REASON` for each check; one that is terse about what
# passes closes with its own `N passed, N failed`.
set -uo pipefail

passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# add PASSED FAILED STATUS WHAT: a program that died has counted nothing, or too little.
add() {
  local now_failed=$2
  if (($3 != 0 && $2 == 0)); then
    echo "FAILED $4 ended with exit status $3"
    now_failed=1
  fi
  passed=$((passed + $1)) failed=$((failed + now_failed))
}

# counts PATTERN FILE: the two numbers that the last line like PATTERN has, or nothing.
counts() { sed -nE "s/$1/\1 \2/p" "$2" | tail -n 1; }

# eval: the options are quoted as they were typed after TEST_ARGS=
eval "\"\$1\" ${TEST_ARGS:-}" 2>&1 | tee "$log"
status=$?
found=$(counts '.*test cases: *[0-9]+ \| *([0-9]+) passed \| *([0-9]+) failed.*' "$log")
read -r a b <<<"${found:-0 0}"
add "$a" "$b" "$status" "the unit tests"

for script in "${@:2}"; do
  echo "--- $script"
  bash "$script" 2>&1 </dev/null | tee "$log"
  status=$?
  found=$(counts '^([0-9]+) passed, ([0-9]+) failed.*' "$log")
  read -r a b <<<"${found:-$(grep -c '^ok ' "$log") $(grep -c '^FAILED' "$log")}"
  add "$a" "$b" "$status" "$script"
  skipped=$((skipped + $(grep -c '^skipped ' "$log")))
done

if ((passed + failed == 0)); then
  echo "FAILED no test ran"
  failed=1
fi
echo
echo "$passed passed, $failed failed$( ((skipped == 0)) || echo ", $skipped skipped")"
((failed == 0))
