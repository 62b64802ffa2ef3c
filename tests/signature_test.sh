#!/usr/bin/env bash
# The numeric contract: a short training run comes out with the same bits on every instruction set and any number of
# threads. The program `signature` prints lines `CLASS [SECTION] HEX`; the committed tests/golden_signatures.txt holds
# those of each numeric class (fused multiply-add or not). QUENCH_RUN may name an emulator to run it with.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
source tests/checks.sh

program=${QUENCH_BUILD:?}/signature
golden=tests/golden_signatures.txt
read -r -a emulator <<<"${QUENCH_RUN:-}"

run() { ${emulator[@]+"${emulator[@]}"} "$program" "$@" 2>&1; }

# Sanitizers are slow, and look for something else.
if [[ -n ${QUENCH_SANITIZE:-} ]]; then counts=3; else counts="1 2 3 7"; fi

unset QUENCH_ISA
if ! sets=$(run --list-isa) || [[ -z $sets ]]; then
  fail "the signature program lists the instruction sets of this machine" "$sets"
  finish
fi
for isa in $sets; do
  for threads in $counts; do
    name="signature with $isa on $threads threads"
    if ! found=$(QUENCH_ISA=$isa run --threads "$threads"); then
      fail "$name" "$found"
      continue
    fi
    class=${found%% *}
    expected=$(grep "^$class " "$golden")
    if [[ -n $expected && $found == "$expected" ]]; then
      ok "$name"
    else
      fail "$name" "found:
$found
expected by $golden:
${expected:-nothing of the class '$class'}"
    fi
  done
done
finish
