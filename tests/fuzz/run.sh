#!/usr/bin/env bash
# Runs the fuzzers and says how it went; called by `make fuzz`:
#   FUZZ_RUNS=N tests/fuzz/run.sh BUILD_FOLDER TARGET...
# Each target begins with its kept inputs (tests/fuzz/corpus/TARGET) and valid ones that it makes itself. Found inputs,
# logs and, of a failure, the input are in BUILD_FOLDER/fuzz/TARGET. With FUZZ_RUNS=0 kept inputs are replayed, and
# nothing else. FUZZ_KEEP=1 replaces the kept inputs by few of them and of the new ones that reach the same.
# Each target's last line: inputs, the share that came past the header (below 30 % is a failure), libFuzzer's coverage
# (edges, and features: edges by how often), lines covered of the reader's files, and the peak of memory that came
# nearest to its bound.
set -uo pipefail

build=$1
shift
runs=${FUZZ_RUNS:?}
least_share=30
corpus=tests/fuzz/corpus
# Where memory came from is asked again when it matters.
export UBSAN_OPTIONS=print_stacktrace=1 ASAN_OPTIONS=malloc_context_size=1:quarantine_size_mb=32:max_malloc_fill_size=0
# Replays write their profiles nowhere.
export LLVM_PROFILE_FILE=/dev/null

# The files of a target's reader, for the coverage of lines.
files_of() {
  case $1 in
    safetensors) echo src/io/safetensors.cpp src/io/json_value.cpp ;;
    idx) echo src/data/idx.cpp ;;
    cifar10) echo src/data/record_file.cpp ;;
    checkpoint)
      echo src/train/checkpoint.cpp src/train/state_file.cpp src/train/resume.cpp src/core/archive.cpp \
        src/nn/safetensors.cpp
      ;;
  esac
}

# tool NAME: that program, whichever version's.
tool() { command -v "$1" || compgen -c "$1-" | sort -V | tail -n 1; }

replay() {
  local target=$1 log=$build/fuzz/$1/replay.log
  mkdir -p "${log%/*}"
  if [[ -z $(ls "$corpus/$target" 2>/dev/null) ]]; then
    echo "FAILED $target: $corpus/$target holds no inputs"
    return 1
  fi
  if ! "$build/fuzz-$target" -runs=0 -artifact_prefix="${log%/*}/" "$corpus/$target" >"$log" 2>&1; then
    echo "FAILED $target: a kept input does harm, see $log"
    tail -n 40 "$log"
    return 1
  fi
  echo "ok $target: $(ls "$corpus/$target" | wc -l) kept inputs"
}

fuzz() {
  local target=$1 folder=$build/fuzz/$1
  rm -rf "$folder/seeds" "$folder/report" "$folder/profile"
  mkdir -p "$folder/seeds" "$folder/new" "$corpus/$target"
  QUENCH_FUZZ_SEEDS=$folder/seeds QUENCH_FUZZ_REPORT=$folder/report LLVM_PROFILE_FILE=$folder/profile \
    "$build/fuzz-$target" -runs="$runs" -print_final_stats=1 -reload=0 -entropic=0 -artifact_prefix="$folder/" \
    "$folder/new" "$corpus/$target" "$folder/seeds" >"$folder/log" 2>&1
}

# The lines covered of each of the target's files.
lines_of() {
  local target=$1 folder=$build/fuzz/$1 profdata cov
  profdata=$(tool llvm-profdata) cov=$(tool llvm-cov)
  if [[ -z $profdata || -z $cov ]]; then
    echo "lines unknown without llvm-cov"
    return
  fi
  # shellcheck disable=SC2046
  "$profdata" merge -o "$folder/profile.merged" "$folder/profile" &&
    "$cov" report "$build/fuzz-$target" -instr-profile="$folder/profile.merged" $(files_of "$target") |
    awk '/\.cpp / { n = split($1, parts, "/"); printf "%s%s of %s", separator, $10, parts[n]; separator = ", " }
         END { print separator ? " (lines)" : "lines unknown" }'
}

percent() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", b ? 100 * a / b : 0 }'; }

summary() {
  local target=$1 folder=$build/fuzz/$1 inputs past accepted peak bound reader edges features rate share
  if [[ ! -s $folder/report ]]; then
    echo "FAILED $target: see $folder/log and the input beside it"
    tail -n 40 "$folder/log"
    return 1
  fi
  read -r inputs past accepted peak bound reader <"$folder/report"
  read -r edges features < <(sed -nE 's/.* cov: ([0-9]+) ft: ([0-9]+) .*/\1 \2/p' "$folder/log" | tail -n 1)
  rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$folder/log")
  share=$(percent "$past" "$inputs")
  echo "$target: $inputs inputs, $share % past the header, $(percent "$accepted" "$inputs") % accepted, $rate a second; $edges edges, $features features;" \
    "$(lines_of "$target"); at most $peak of $bound bytes ($reader)"
  if awk -v share="$share" -v least=$least_share 'BEGIN { exit !(share < least) }'; then
    echo "FAILED $target: $share % of the inputs came past the header, expected at least $least_share %"
    return 1
  fi
}

keep() {
  local target=$1 folder=$build/fuzz/$1
  rm -rf "$folder/kept"
  mkdir -p "$folder/kept"
  "$build/fuzz-$target" -set_cover_merge=1 "$folder/kept" "$corpus/$target" "$folder/seeds" "$folder/new" \
    >"$folder/merge.log" 2>&1 || return
  rm -f "$corpus/$target"/*
  cp "$folder/kept"/* "$corpus/$target"
}

status=0
if ((runs == 0)); then
  for target; do replay "$target" || status=1; done
  exit $status
fi

# As many at a time as there are processors.
jobs=$(nproc 2>/dev/null || echo 2) running=0
for target; do
  if ((running == jobs)); then
    wait -n
    running=$((running - 1))
  fi
  fuzz "$target" &
  running=$((running + 1))
done
wait
for target; do
  if ! summary "$target"; then
    status=1
  elif [[ ${FUZZ_KEEP:-} == 1 ]]; then
    keep "$target" || status=1
  fi
done
exit $status
