#!/usr/bin/env bash
# ./train report, paper and selftest: what they write, that a figure goes on where it was interrupted, and what they refuse.
set -u
. "$(dirname "$0")/checks.sh"

make_mnist small
make_cifar10 small 200 50

# well_formed FILE...: XML that a parser takes, where there is one.
well_formed() {
  if command -v python3 >/dev/null 2>&1; then
    python3 -c 'import sys, xml.dom.minidom
for name in sys.argv[1:]: xml.dom.minidom.parse(name)' "$@"
  else
    for file in "$@"; do grep -q '^</svg>$' "$file" || return 1; done
  fi
}

# --- report -------------------------------------------------------------------------------------------------------

for seed in 1 2; do
  "$train" mnist --data small --epochs 4 --seed $seed --quiet --out "run $seed" >out.txt 2>err.txt ||
    fail "run $seed" "$(cat err.txt)"
done
plots='accuracy learning_rate loss observables ratio'
check 'a run writes report.html' grep -q '^</html>$' 'run 1/report.html'
check 'and a plot of each kind' test "$(cd 'run 1/plots' && echo *)" = "$(printf '%s.svg ' $plots | sed 's/ $//')"
check 'the plots are well-formed' well_formed 'run 1/plots/'*.svg
check 'the report needs no network' test "$(grep -o "http[^\"']*" 'run 1/report.html' | sort -u)" = 'http://www.w3.org/2000/svg'
cp 'run 1/report.html' before.html
rm -r 'run 1/report.html' 'run 1/plots'
check 'report draws them again' "$train" report 'run 1'
check 'the same' cmp before.html 'run 1/report.html'
check 'runs are laid over each other' "$train" report 'run 1' 'run 2/' --out both
check 'each with a column' grep -q '<th>run 1</th><th>run 2</th>' both/report.html
check 'and a curve' grep -q 'run 2, O_R' both/plots/observables.svg
mv 'run 2' '<b>&"'
check 'a name of markup' "$train" report '<b>&"' --out markup
check 'stays a name' test "$(grep -c '<b>' markup/report.html)" -eq 0

cp -r 'run 1' torn
{ head -n 1 'run 1/log.csv' && printf '1,3,0.'; } >torn/log.csv
printf 'QSTEPS1\n123' >torn/steps.bin
check 'a log whose first row is being written' "$train" report torn
echo 'epoch,lr' >torn/log.csv
refuses 1 'torn/log.csv: no column' report torn
printf '{"settings": ' >torn/run.json
refuses 1 'torn/run.json: JSON, byte 13: expected a value' report torn
printf 'no' >'<b>&"/steps.bin'
refuses 1 'steps.bin: found no QSTEPS1' report '<b>&"'
refuses 1 'nothing/run.json cannot be read: there is none' report nothing
refuses 2 'found no folder' report
refuses 2 'unknown option --aut; did you mean --out?' report 'run 1' --aut x
refuses 2 '--out: found nothing, expected a folder' report 'run 1' --out
touch file
refuses 1 'folder file/plots cannot be made' report 'run 1' --out file
check '--help of report' "$train" report --help
if [ -w /dev/full ]; then
  "$train" report 'run 1' >/dev/full 2>err.txt
  check 'a full standard output is an error' test $? -eq 1
fi

# --- paper --------------------------------------------------------------------------------------------------------

paper() { "$train" paper --data small --out figures "$@"; }
paper 1a 4a S1a --epochs-scale 0.02 --seeds 2 >out.txt 2>err.txt
check 'figures of small runs' test $? -eq 0
check 'say what they are' test "$(grep -c '^figure .*, epochs x 0.02$' out.txt)" -eq 3
check 'and whether each claim held' test "$(grep -cE ': (HELD|FAILED|UNDECIDED)$' out.txt)" -eq 7
check 'with a drawing each' well_formed figures/1a.svg figures/4a.svg figures/S1a.svg
check 'that names the scale' grep -q 'epochs x 0.02' figures/4a.svg
check 'with all data' test "$(wc -l <figures/4a.csv)" -eq $((1 + 2 * 3 * 8))
check 'figures share runs' test "$(ls figures/runs | wc -l)" -eq $((2 * (1 + 3 + 1)))
check 'stages shrink in proportion' grep -q '"preset-epochs": 2,' figures/runs/mnist-preset-8epochs-seed2/run.json
touch -d '2001-01-01' figures/runs/*/log.csv
paper 4a --epochs-scale 0.02 --seeds 2 --threads 1 >again.txt 2>err.txt
check 'finished runs are not repeated' test -z "$(find figures/runs -name log.csv -newermt 2002-01-01)"
check 'and give the same figure' diff <(sed -n '/^figure 4a/,/csv$/p' out.txt) again.txt
sed -i 's/"status": "finished"/"status": "running"/' figures/runs/mnist-amsgrad-8epochs-seed1/run.json
paper 4a --epochs-scale 0.02 --seeds 2 >again.txt 2>err.txt
check 'what is not finished is' test "$(find figures/runs -name log.csv -newermt 2002-01-01)" = figures/runs/mnist-amsgrad-8epochs-seed1/log.csv
check 'with the same result' diff <(sed -n '/^figure 4a/,/csv$/p' out.txt) again.txt
cp figures/4a.csv kept.csv
sed -i 's/"lr": 0.1,/"lr": 0.2,/' figures/runs/mnist-preset-8epochs-seed1/run.json
refuses 1 'holds a run with lr 0.2, expected 0.1' paper 4a --data small --out figures --epochs-scale 0.02
rm -r figures/runs/mnist-amsgrad-8epochs-seed1
refuses 1 'holds a run with lr 0.2, expected 0.1' paper 4a --data small --out figures --epochs-scale 0.02
check 'before others are made' test ! -e figures/runs/mnist-amsgrad-8epochs-seed1
sed -i 's/"lr": 0.2,/"lr": 0.1,/' figures/runs/mnist-preset-8epochs-seed1/run.json
sed -i '$d' figures/runs/mnist-preset-8epochs-seed1/log.csv
refuses 1 'figures/runs/mnist-preset-8epochs-seed1/log.csv is damaged: found the epochs 1 to 7 in 7 rows of a finished run, expected 1 to 8' \
  paper 4a --data small --out figures --epochs-scale 0.02
sed -i '3d' figures/runs/mnist-preset-8epochs-seed1/log.csv
refuses 1 'log.csv is damaged: found the epochs 1 to 1 in 6 rows' paper 4a --data small --out figures --epochs-scale 0.02
make_mnist other 310 50
rm -r figures/runs/mnist-preset-8epochs-seed1
refuses 1 'holds a run with data of checksum' paper 4a --data other --out figures --epochs-scale 0.02
check 'that neither are others made on' test ! -e figures/runs/mnist-preset-8epochs-seed1

"$train" paper 4a --data small --out alone --epochs-scale 0.02 --jobs 1 --quiet >alone.txt 2>err.txt
check 'one run after the other, too' test $? -eq 0
check 'with the same result' cmp <(cut -d, -f3- alone/4a.csv) <(grep -E '^branch|epochs-seed1,' kept.csv | cut -d, -f3-)
mkdir -p lost/runs && touch lost/runs/mnist-constant-1epochs-seed2
"$train" paper 1a --data small --epochs-scale 0.01 --seeds 3 --jobs 2 --out lost >out.txt 2>err.txt
check 'a run that fails ends the figure' test $? -eq 1
check 'and is named' grep -q 'the run mnist-constant-1epochs-seed2 ended with exit code 1' err.txt
(trap '' CHLD && exec "$train" paper 1a --data small --epochs-scale 0.01 --seeds 2 --jobs 2 --out orphans) >out.txt 2>err.txt &
await $!
check 'also where whoever started it ignores the ends of children' test $? -eq 0
# From a folder without data/.
for jobs in 1 2; do
  "$train" paper 1a --epochs-scale 0.01 --seeds 2 --jobs $jobs --out drawn$jobs >out.txt 2>err.txt
  check "a figure of generated images, $jobs at a time" grep -q '^figure 1a.*, GENERATED images$' out.txt
  check 'that says so before it trains' test "$(grep -nm 1 'NOT MNIST' err.txt | cut -d: -f1)" -eq 1
done
"$train" paper 1a --epochs-scale 0.01 --shard 1/1 --out drawn1 --quiet >out.txt 2>err.txt
check 'a shard says so at its end' grep -q '^shard 1/1 of 1a: 1 of 1 runs, GENERATED images$' out.txt
refuses 1 'drawn1/runs/mnist-constant-1epochs-seed1 holds a run with data of checksum' paper 1a --data small --epochs-scale 0.01 --out drawn1
# The start of a chain by name and settings, but on other images.
refuses 1 'drawn1/runs/mnist-constant-1epochs-seed1 holds a run with data of checksum' paper 2a --data small --epochs-scale 0.01 --out drawn1
rm drawn1/runs/mnist-constant-1epochs-seed1/model.safetensors
refuses 1 'drawn1/runs/mnist-constant-1epochs-seed1 holds a run with data of checksum' paper 2a --data small --epochs-scale 0.01 --out drawn1
check 'and no chain is begun from it' test "$(ls drawn1/runs | wc -l)" -eq 2

paper 1b --epochs-scale 0.01 --quiet >out.txt 2>err.txt
check 'the network of figure 1b is the CNN with momentum' grep -q '"momentum": 0.9' figures/runs/cifar10-constant-1epochs-seed1/run.json
check '--quiet leaves results only' test ! -s err.txt -a -s out.txt

"$train" paper 4a --out stopped >out.txt 2>err.txt --data small --epochs-scale 100 &
await_rows $! stopped/runs/mnist-preset-40000epochs-seed1/log.csv 2
kill -INT $!
await $!
check 'Ctrl-C ends a figure with 130' test $? -eq 130
check 'and says how to go on' grep -q 'the same command goes on' err.txt

refuses 2 'paper: found no figure' paper
refuses 2 'found "5c", expected all, 1a' paper 5c
for bad in '--seeds 0' '--seeds x' '--epochs-scale 0' '--epochs-scale nan' '--epochs-scale -1' '--seed -1' '--threads 0' '--jobs 0'; do
  refuses 2 "${bad% *}: found \"${bad#* }\"" paper 1a $bad
done
for bad in '--sampling random' '--lr-max 0' '--lr-max x' '--lr-max 0.00001' '--lr-min 0' '--lr-min -1' '--shard 0/2' '--shard 3/2' '--shard 2' '--shard /x' '--shard /2'; do
  refuses 2 "${bad% *}: found \"${bad#* }\"" paper 3b $bad
done
refuses 2 '--lr-max: found "0.00001", expected at least 0.0001, the smallest rate of figure 2b' paper 2b 3b --lr-max 0.00001
refuses 2 '--lr-min: found "0.1", expected at most 0.05, the largest rate of figure 3b' paper 3b --lr-min 0.1
refuses 2 '--lr-min: found "0.004", expected no more than --lr-max 0.0045 and a rate between them in figure 3b' \
  paper 3b --lr-min 0.004 --lr-max 0.0045
refuses 2 '--lr-min: found without figure 2a, 2b, 3a or 3b' paper 4a --lr-min 0.01
refuses 2 '--sampling: found without figure 2a, 2b, 3a or 3b' paper 1a 4b --sampling iid
refuses 2 '--lr-max: found without figure 2a, 2b, 3a or 3b' paper 1a --lr-max 0.01
refuses 2 '--merge: found with --shard' paper 1a --shard 1/2 --merge a b
refuses 2 '--merge: found nothing, expected folders' paper 1a --merge --quiet
refuses 2 'paper: found no figure' paper --merge a 1a
refuses 1 'found no finished run mnist-constant-100epochs-seed1 in a, b, expected one; --shard 1/2 makes it' paper 1a --merge a b --out c
check 'and makes nothing' test ! -e c
for variables in SLURM_ARRAY_TASK_ID=x JOB_COMPLETION_INDEX=-1; do
  export ${variables%=*}=${variables#*=} SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=1 JOB_COMPLETION_COUNT=2
  refuses 2 "${variables%=*}: found \"${variables#*=}\", expected a whole number from" paper 1a --out c
  unset SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_COUNT SLURM_ARRAY_TASK_MIN JOB_COMPLETION_INDEX JOB_COMPLETION_COUNT
done
refuses 1 'found none of MNIST' paper 1a --data nothing --out other_figures --quiet
check 'paper --help' "$train" paper --help

# --- selftest -----------------------------------------------------------------------------------------------------

"$train" selftest --scale 0.05 >out.txt 2>err.txt
check 'the selftest passes' test $? -eq 0
check 'counts its checks' grep -Eq '^selftest: ([0-9]+) of \1 within 5 sigma' out.txt
check 'and shows them' test "$(grep -cE '^  .* -?[0-9.]+ +-?[0-9.e-]+ +[0-9.e-]+ +-?[0-9.]+$' out.txt)" -gt 100
refuses 2 'selftest: found "x"' selftest x
refuses 2 '--scale: found "0"' selftest --scale 0
refuses 2 '--seed: found "1.5"' selftest --seed 1.5
check '--help of selftest' "$train" selftest --help
finish
