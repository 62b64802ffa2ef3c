#!/usr/bin/env bash
# What the objects of src/kernels/isa, and of tools/bench/isa where they are built, may hold. They are compiled for
# processors that the machine may not have: should one of them contain an inline function of some header, the linker
# may keep that copy for the whole program, which then dies of an illegal instruction on an older machine. So each
# exports its table and nothing else, calls nothing but memcpy and its like, and runs nothing at start.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
source tests/checks.sh

# problems OBJECT: prints what breaks the rules.
problems() {
  local listing
  listing=$(nm "$1") || { echo "nm cannot read $1"; return; }
  # Columns: [address] type name. Capital letters are external, V W u v w weak or unique.
  awk -v table='^_ZN6quench(7kernels[0-9]+table|5bench[0-9]+loops)_[a-z0-9]+E$' '
    $NF ~ /Dv[0-9]+_/ && $(NF - 1) ~ /[A-Z]/ { print "vector type in the external symbol " $NF }
    $(NF - 1) ~ /[VWuvw]/ { print "weak symbol " $NF; next }
    $(NF - 1) == "U" && $NF !~ /^(memcpy|memmove|memset|fmaf?|_GLOBAL_OFFSET_TABLE_)$/ { print "needs " $NF; next }
    $(NF - 1) ~ /[A-TV-Z]/ && $NF !~ table { print "exports " $NF; next }
    $(NF - 1) ~ /[A-TV-Z]/ { ++tables }
    END { if (tables != 1) print "exports " tables + 0 " tables, expected 1" }' <<<"$listing"
  readelf -SW "$1" | grep -oE '\.(init_array|ctors|preinit_array)[^ ]*' | sort -u | sed 's/^/static initialiser in /'
  readelf -gW "$1" | grep -o 'COMDAT group section.*'
}

if [[ -n ${QUENCH_SANITIZE:-} || -n ${QUENCH_DEBUG:-} ]]; then
  skip "symbols of the kernel objects" "this build is instrumented or not optimised"
  finish
fi
for tool in nm readelf; do
  if ! command -v $tool >/dev/null; then
    skip "symbols of the kernel objects" "$tool is not installed"
    finish
  fi
done

objects=("${QUENCH_BUILD:?}"/src/kernels/isa/*.o)
loops=("$QUENCH_BUILD"/tools/bench/isa/*.o)
if [[ -e ${loops[0]} ]]; then
  objects+=("${loops[@]}")
else
  skip "symbols of the benchmark's loops" "they are not built"
fi
for object in "${objects[@]}"; do
  name=${object#"$QUENCH_BUILD"/}
  name="${name%.o}: exports its table alone, needs no library, runs nothing at start"
  found=$(problems "$object")
  if [[ -z $found ]]; then ok "$name"; else fail "$name" "$found"; fi
done

# The same look at an object that breaks every rule.
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cat >"$temporary/bad.cpp" <<'CPP'
typedef float Vector __attribute__((vector_size(16)));
int helper();
int at_start = helper();
inline int shared(int x) { static int calls; return calls += x; }
int (*keep)(int) = shared;
Vector twice(Vector x) { return x + x; }
CPP
$CXX -O2 -c "$temporary/bad.cpp" -o "$temporary/bad.o" 2>/dev/null
found=$(problems "$temporary/bad.o")
for expected in "vector type in" "weak symbol" "needs _Z6helper" "exports keep" "exports 0 tables" \
  "static initialiser in" "COMDAT"; do
  if [[ $found == *"$expected"* ]]; then
    ok "a bad object is noticed: $expected"
  else
    fail "a bad object is noticed: $expected" "$found"
  fi
done

# Functions that are reached through the table have signatures of plain types.
if grep -nE 'f32x16|i32x16|__m(128|256|512)|vector_size|float32x4' src/kernels/kernels.h; then
  fail "kernels.h names no vector type"
else
  ok "kernels.h names no vector type"
fi
finish
