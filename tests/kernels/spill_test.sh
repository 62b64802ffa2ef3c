#!/usr/bin/env bash
# Register tiles are as large as the registers allow. This looks into the compiled inner loops for accumulators that do
# not fit after all and travel to the stack and back, and makes sure that it would notice: tiles of one row more must
# spill.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source tests/checks.sh

build=${QUENCH_BUILD:?}/spill_test
trap 'rm -rf "$build"' EXIT

# look COMPILER OBJDUMP UNIT EXTRA_ROWS: prints what spills.awk finds.
look() {
  local folder=$build/$3-$4 object
  object=$folder/src/kernels/isa/$3.o
  "${MAKE:-make}" CXX="$1" BUILD="$folder" CPPFLAGS="-DQUENCH_SPILL_TEST_EXTRA_ROWS=$4" "$object" >"$build/log" 2>&1 ||
    { cat "$build/log"; return 1; }
  "$2" -d -C --no-show-raw-insn "$object" | awk -f tests/kernels/spills.awk
}

# check_unit NAME COMPILER OBJDUMP UNIT
check_unit() {
  local as_built enlarged
  as_built=$(look "$2" "$3" "$4" 0)
  enlarged=$(look "$2" "$3" "$4" 1)
  if [[ ${as_built##*$'\n'} == *" loops, 0 spills" && ${as_built##*$'\n'} != "0 loops"* ]]; then
    ok "$1: no spill in ${as_built%% loops*} inner loops of the tiles"
  else
    fail "$1: no spill in the inner loops of the tiles" "$as_built"
  fi
  if [[ ${enlarged##*$'\n'} == *" loops, "[1-9]*" spills" ]]; then
    ok "$1: tiles of one row more would spill, and this test would see it (${enlarged##*, })"
  else
    fail "$1: tiles of one row more would spill, and this test would see it" "$enlarged"
  fi
}

if [[ -n ${QUENCH_SANITIZE:-} || -n ${QUENCH_DEBUG:-} ]]; then
  skip "register spills" "this build is not optimised"
  finish
fi
if ! command -v objdump >/dev/null; then
  skip "register spills" "objdump is not installed"
  finish
fi
mkdir -p "$build"
for unit in avx2 avx512; do
  if [[ -e $QUENCH_BUILD/src/kernels/isa/$unit.o ]]; then
    check_unit "$unit" "$CXX" objdump "$unit"
  else
    skip "$unit: register spills" "this compiler builds no $unit"
  fi
done
if command -v aarch64-linux-gnu-g++ >/dev/null && command -v aarch64-linux-gnu-objdump >/dev/null; then
  check_unit "neon (aarch64-linux-gnu-g++)" aarch64-linux-gnu-g++ aarch64-linux-gnu-objdump baseline
else
  skip "neon: register spills" "aarch64-linux-gnu-g++ is not installed"
fi
finish
