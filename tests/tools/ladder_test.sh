#!/usr/bin/env bash
# All rungs of tools/ladder, and the library's product beside them, give the same bits at sizes around the edges of
# tiles and blocks and on any number of threads; and the program refuses what it cannot do. QUENCH_RUN may name an
# emulator to run it with.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source tests/checks.sh

program=${QUENCH_BUILD:?}/tools/ladder/ladder
read -r -a emulator <<<"${QUENCH_RUN:-}"
unset QUENCH_ISA

run() { ${emulator[@]+"${emulator[@]}"} "$program" "$@" 2>&1; }

# climbs M N K THREADS: five rungs and the library agree. (Built for a processor without fused multiply-add, the rungs
# cannot be compared with the library, which looks what the processor has.)
climbs() {
  local name="m $1, n $2, k $3 on $4 threads: the rungs give the same bits" output status
  output=$(run --m "$1" --n "$2" --k "$3" --threads "$4" --repeat 1)
  status=$?
  if ((status == 0)) && [[ $(grep -c '^[2-5] .* same$' <<<"$output") == 4 ]] &&
    grep -Eq "^quench's gemm .* (same|not comparable)$" <<<"$output"; then
    ok "$name"
  else
    fail "$name" "exit code $status
$output"
  fi
}

climbs 1 1 1 1
climbs 17 17 17 2
climbs 13 31 255 1
climbs 14 32 256 2
climbs 15 33 257 3
climbs 1 100 300 2
climbs 100 1 3 7
climbs 127 49 513 2
climbs 20 530 40 2

# refuses MESSAGE ARGUMENT...: exit code 2 and this one line.
refuses() {
  local message=$1 output status
  shift
  output=$(run "$@")
  status=$?
  if [[ $status == 2 && $output == "ladder: $message" ]]; then
    ok "$* -> $message"
  else
    fail "$* -> $message" "exit code $status: $output"
  fi
}

refuses 'unknown option --sizes; --help lists all' --sizes 3
refuses 'unknown option 512; --help lists all' 512
refuses '--size: found nothing, expected a whole number from 1 to 16384' --size
refuses '--size: found "--quick", expected a whole number from 1 to 16384' --size --quick
refuses '--m: found "0", expected a whole number from 1 to 16384' --m 0
refuses '--n: found "1e3", expected a whole number from 1 to 16384' --n 1e3
refuses '--k: found "", expected a whole number from 1 to 16384' --k ''
refuses '--threads: found "-1", expected a whole number from 1 to 256' --threads -1
refuses '--repeat: found "99999999999999999999", expected a whole number from 1 to 1000000' --repeat 99999999999999999999

shows_all_options() {
  local source helped
  source=$(grep -oE 'name == "--[a-z]+"' tools/ladder/ladder.cpp | grep -oE -- '--[a-z]+' | sort) &&
    helped=$(run --help) && diff <(echo "$source") <(grep -oE '^  --[a-z]+' <<<"$helped" | tr -d ' ' | sort)
}
check "--help lists all options" shows_all_options
finish
