#!/usr/bin/env bash
# ./train paper 2a 2b 3a 3b: chains from one start, continued where they were interrupted, spread over shards, merged.
set -u
. "$(dirname "$0")/checks.sh"
unset SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_COUNT SLURM_ARRAY_TASK_MIN SLURM_ARRAY_TASK_STEP
unset JOB_COMPLETION_INDEX JOB_COMPLETION_COUNT

make_mnist small
make_cifar10 small 200 50

# same FOLDER NAME...: these figures are the same bytes in both.
same() {
  local folder=$1 name
  shift
  for name in "$@"; do cmp "figures/$name" "$folder/$name" || return 1; done
}

# of RUN KEY: the text of a key in run.json.
of() { sed -nE "s/^ *\"$2\": \"?([^\"]*[^\",])\"?,?$/\1/p" "$1/run.json" | head -n 1; }

# --- figures ------------------------------------------------------------------------------------------------------

tiny=(2a 3a --data small --epochs-scale 0.004 --seeds 2)
all_files=(2a.svg 2a.html 2a.csv 3a.svg 3a.html 3a.csv 3a-means.csv)
"$train" paper "${tiny[@]}" --out figures >out.txt 2>err.txt
check 'figures 2a and 3a of small chains' test $? -eq 0
check 'say what they are' test "$(grep -cE '^figure (2a|3a), epochs x 0.004, 2 seeds$' out.txt)" -eq 2
check 'and whether each claim held' test "$(grep -cE ': (HELD|FAILED|UNDECIDED)$' out.txt)" -eq 10
check 'and how far every stage was from equilibrium' \
  test "$(grep -cE '^  Equilibrium, (shuffle|iid): .* is( [^ ]+ \+- [^ ]+ at 0.0[0-9]*( \(out\))?,?){5} \(2 seeds\): FAILED$' out.txt)" -eq 2
check 'without which nothing is decided' test "$(grep -c ' is out of equilibrium by .*: UNDECIDED$' out.txt)" -eq 7
check 'share runs' test "$(ls figures/runs | wc -l)" -eq 5
check 'have a row an epoch' test "$(wc -l <figures/2a.csv)" -eq $((1 + 2 * 14))
check 'of one sampling and all seeds' \
  test "$(tail -n +2 figures/2a.csv | cut -d, -f2 | uniq | paste -s)" = $'mnist-chain-shuffle-14epochs-seed1\tmnist-chain-shuffle-14epochs-seed1-data2'
check 'have a row a stage' test "$(wc -l <figures/3a.csv)" -eq $((1 + 2 * 2 * 5))
check 'with a gradient of the whole training set in each' \
  test "$(awk -F, 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "O_FB") at = i; next } $at > 0' figures/3a.csv | wc -l)" -eq 20
check 'and means of both seeds' test "$(grep -cE '^(shuffle|iid),[1-5],0.0[0-9]*,[24],O_FB,.*,2,[^,]*$' figures/3a-means.csv)" -eq 10
start=figures/runs/mnist-constant-1epochs-seed1 chain=figures/runs/mnist-chain-iid-14epochs-seed1
check 'chains have the stages of appendix B' test "$(of "$chain" stages)" = '0.05:2,0.02:2,0.01:2,0.005:4,0.003:4'
check 'and start where the one start run ended' \
  grep -qE "\"checksum\": \"$(of "$start" parameter_checksum)\"" <(sed -n '/"start"/,/}/p' "$chain/run.json")
check 'but differ' test "$(cat figures/runs/mnist-chain-*/run.json | grep parameter_checksum | sort -u | wc -l)" -eq 4

touch -d '2001-01-01' figures/runs/*/log.csv
"$train" paper "${tiny[@]}" --out figures >again.txt 2>err.txt
check 'finished chains are not repeated' test -z "$(find figures/runs -name log.csv -newermt 2002-01-01)"
check 'and give the same figures' cmp out.txt again.txt
"$train" paper "${tiny[@]}" --out alone --jobs 1 --quiet >alone.txt 2>err.txt
check 'one chain after the other, too' same alone "${all_files[@]}"

check 'figure 2a has the other seed faintly' test "$(grep -c ' fa"' figures/2a.svg)" -gt 0
"$train" paper 2a --epochs-scale 0.004 --merge figures --out single >out.txt 2>err.txt
check 'of one seed it is' test $? -eq 0 -a "$(grep -c '^figure 2a, epochs x 0.004$' out.txt)" -eq 1
check 'the one chain' test "$(wc -l <single/2a.csv)" -eq $((1 + 14)) -a "$(grep -c ' fa"' single/2a.svg)" -eq 0
check 'and says nothing of seeds' test "$(grep -c 'seed' out.txt)" -eq 0
"$train" paper 2a --epochs-scale 0.004 --sampling iid --merge figures --out single >out.txt 2>err.txt
check 'of the other sampling it says so' grep -q '^figure 2a, epochs x 0.004, iid sampling$' out.txt

"$train" paper 3b --data small --epochs-scale 0.002 --lr-max 0.00025 --sampling shuffle --out figures --quiet >out.txt 2>err.txt
check 'figure 3b with the smaller rates of one sampling' test $? -eq 0
check 'says which' grep -q '^figure 3b, epochs x 0.002, eta <= 0.00025, 1 seed$' out.txt
check 'and claims what it can' test "$(grep -cE ': (HELD|FAILED|UNDECIDED)$' out.txt)" -eq 4
chain=figures/runs/cifar10-chain-shuffle-from0.00025-4epochs-seed1
check 'from two stages of the CNN with momentum' test "$(of $chain stages) $(of $chain momentum)" = '0.00025:2,0.0001:2 0.9'

# --- interrupted --------------------------------------------------------------------------------------------------

# Enough for a signal to come in the middle of a chain.
make_mnist larger 3000 100
longer=(3a --data larger --epochs-scale 0.02 --lr-max 0.005)
"$train" paper "${longer[@]}" --out stopped >out.txt 2>err.txt &
await_rows $! stopped/runs/mnist-chain-iid-from0.005-40epochs-seed1/log.csv 5
kill -TERM $!
await $!
check 'SIGTERM ends a figure with 143' test $? -eq 143
check 'and says how to go on' grep -q 'the same command goes on' err.txt
stopped_chain=stopped/runs/mnist-chain-iid-from0.005-40epochs-seed1
check 'and leaves a checkpoint' test -n "$(ls "$stopped_chain/checkpoints")"
rows=$(wc -l <"$stopped_chain/log.csv")
before=$(head -n "$rows" "$stopped_chain/log.csv" | cksum)
"$train" paper "${longer[@]}" --out stopped >out.txt 2>err.txt
check 'the same command goes on' test $? -eq 0
check 'where the chain was interrupted' test "$(head -n "$rows" "$stopped_chain/log.csv" | cksum)" = "$before" -a "$(wc -l <"$stopped_chain/log.csv")" -eq 41
"$train" paper "${longer[@]}" --out whole >whole.txt 2>err.txt
check 'and gives what an undisturbed one does' cmp stopped/3a.csv whole/3a.csv
check 'in the drawing as well' cmp stopped/3a.svg whole/3a.svg

# A signal that comes when a run has just ended is for those that would follow in the same process.
"$train" paper "${longer[@]}" --jobs 1 --out ending >out.txt 2>err.txt &
process=$!
until grep -qs '"status": "finished"' ending/runs/mnist-constant-*/run.json || ! kill -0 $process 2>/dev/null; do :; done
kill -TERM $process
await $process
check 'SIGTERM between two runs ends a figure, too' test $? -eq 143
check 'before the next is made' test -z "$(grep -ls '"status": "finished"' ending/runs/mnist-chain-*/run.json)"

# --- shards -------------------------------------------------------------------------------------------------------

for i in 1 2 3; do
  "$train" paper "${tiny[@]}" --shard $i/3 --out "machine $i" >"shard$i.txt" 2>err.txt || fail "shard $i" "$(cat err.txt)"
done
check 'a shard draws nothing' test -z "$(find machine* -name '3a*')"
check 'and says what it made' grep -q '^shard 1/3 of 2a 3a: 2 of 4 runs$' shard1.txt
check 'by name' grep -q '^  machine 2/runs/mnist-chain-shuffle-14epochs-seed1-data2$' shard2.txt
check 'every chain is in one shard' test "$(find machine* -maxdepth 2 -name '*chain*' | wc -l)" -eq 4
"$train" paper "${tiny[@]}" --merge 'machine 3' 'machine 1' 'machine 2' --out merged >merged.txt 2>err.txt
check 'merged they make the figure' test $? -eq 0
check 'the same, byte for byte' same merged "${all_files[@]}"
check 'and make no runs' test ! -e merged/runs
refuses 1 'found no finished run mnist-chain-shuffle-14epochs-seed1-data2 in machine 3, machine 1, expected one; --shard 2/2' \
  paper "${tiny[@]}" --merge 'machine 3' 'machine 1' --out merged --quiet
cp -r 'machine 2' forged
sed -i 's/"parameter_checksum": "./"parameter_checksum": "x/' forged/runs/*chain*/run.json
for folders in '"machine 1" forged "machine 2" "machine 3"' '"machine 3" "machine 2" forged "machine 1"'; do
  eval "folders=($folders)"
  refuses 1 'forged/runs/mnist-chain-shuffle-14epochs-seed1-data2 and machine 2/runs/mnist-chain-shuffle-14epochs-seed1-data2 hold the same run' \
    paper 3a "${tiny[@]:2}" --merge "${folders[@]}" --out merged --quiet
done
rm -rf forged/runs/*chain*
sed -i 's/"parameter_checksum": "./"parameter_checksum": "x/' forged/runs/*constant*/run.json
refuses 1 'hold the same run' paper 3a "${tiny[@]:2}" --merge 'machine 1' 'machine 2' 'machine 3' forged --out merged --quiet
sed -i 's/"checksum": "./"checksum": "x/' "machine 2/runs/mnist-chain-shuffle-14epochs-seed1-data2/run.json"
refuses 1 'machine 2/runs/mnist-chain-shuffle-14epochs-seed1-data2 holds a run with ' \
  paper 3a "${tiny[@]:2}" --merge 'machine 1' 'machine 2' 'machine 3' --out merged --quiet

SLURM_ARRAY_TASK_ID=11 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_COUNT=4 "$train" paper "${tiny[@]}" --out slurm >out.txt 2>err.txt
check 'an array task of Slurm' grep -q '^shard 2/4 of 2a 3a: 1 of 4 runs$' out.txt
check 'is said' grep -q '^paper: shard 2/4, from SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_MIN and SLURM_ARRAY_TASK_COUNT$' err.txt
JOB_COMPLETION_INDEX=3 "$train" paper "${tiny[@]}" --shard /4 --out pod >out.txt 2>err.txt
check 'a pod of Kubernetes' grep -q '^shard 4/4 of 2a 3a: 1 of 4 runs$' out.txt
"$train" paper 1a 4a --data small --epochs-scale 0.02 --seeds 2 --shard 3/8 --out other >out.txt 2>err.txt
check 'other figures have shards, too' grep -q '^shard 3/8 of 1a 4a: 1 of 8 runs$' out.txt
finish
