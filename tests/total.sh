#!/usr/bin/env bash
# Adds up the results of tests that tests/run.sh has written; fails when a test did. Called by `make test`:
#   tests/total.sh RESULT...
set -u

passed=0 failed=0 skipped=0

# counts PATTERN FILE: the two numbers that the last line like PATTERN has, or nothing.
counts() { sed -nE "s/$1/\1 \2/p" "$2" | tail -n 1; }

for result; do
  found=$(counts '^\[doctest\] test cases: *[0-9]+ \| *([0-9]+) passed \| *([0-9]+) failed.*' "$result")
  found=${found:-$(counts '^([0-9]+) passed, ([0-9]+) failed.*' "$result")}
  read -r a b <<<"${found:-$(grep -c '^ok ' "$result") $(grep -c '^FAILED' "$result")}"
  status=$(sed -n '$s/^exit status //p' "$result")
  # A program that died has counted nothing, or too little.
  if [[ $status != 0 ]] && ((b == 0)); then
    echo "FAILED $result ended with exit status ${status:-unknown}"
    b=1
  fi
  passed=$((passed + a)) failed=$((failed + b))
  skipped=$((skipped + $(grep -c '^skipped ' "$result")))
done

if ((passed + failed == 0)); then
  echo "FAILED no test ran"
  failed=1
fi
echo
echo "$passed passed, $failed failed$( ((skipped == 0)) || echo ", $skipped skipped")"
((failed == 0))
