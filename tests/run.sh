#!/usr/bin/env bash
# Runs one test with its output in a file and shows that when the test has ended, in one piece, as others may run
# beside it. Called by `make test`, which has tests/total.sh add up what was found:
#   tests/run.sh RESULT NAME COMMAND...
# A shell test prints `ok NAME`, `FAILED NAME` or `skipped NAME: REASON` for each check; one that is terse about what
# passes closes with its own `N passed, N failed`, and doctest with its summary.
set -u

result=$1
echo "--- $2" >"$result"
"${@:3}" >>"$result" 2>&1 </dev/null
status=$?
echo "($2: $SECONDS s)" >>"$result"
cat "$result"
echo "exit status $status" >>"$result"
