#!/usr/bin/env bash
# What a run prints and writes, that it repeats, and how it ends when it is interrupted.
set -u
. "$(dirname "$0")/checks.sh"

make_mnist small
make_mnist odd 310 50
make_cifar10 small 60 20

# same DIR DIR: two runs of at least one epoch with the same log and parameters.
same() {
  repeatable "$1/log.csv" >a.txt
  repeatable "$2/log.csv" >b.txt
  [ "$(wc -l <a.txt)" -gt 1 ] && [ "$(wc -l <b.txt)" -gt 1 ] && cmp -s a.txt b.txt && [ "$(parameters "$1")" = "$(parameters "$2")" ]
}

# different DIR DIR: two runs of as many epochs with other logs and parameters.
different() {
  repeatable "$1/log.csv" >a.txt
  repeatable "$2/log.csv" >b.txt
  [ "$(wc -l <a.txt)" -gt 1 ] && [ "$(wc -l <a.txt)" -eq "$(wc -l <b.txt)" ] && ! cmp -s a.txt b.txt &&
    [ "$(parameters "$1")" != "$(parameters "$2")" ]
}

parameters() {
  grep '"parameter_checksum"' "$1/run.json"
}

valid_json() {
  if command -v python3 >/dev/null 2>&1; then
    python3 -c 'import json, sys; json.load(open(sys.argv[1]))' "$1"
  else
    grep -q '^}$' "$1"
  fi
}

# quiet_run DIR ARGUMENT...: a run on small images of MNIST that must succeed; quiet_run_on DATASET: of others.
quiet_run() {
  quiet_run_on mnist "$@"
}

quiet_run_on() {
  dataset=$1 folder=$2
  shift 2
  "$train" "$dataset" --data small --quiet --out "$folder" "$@" >/dev/null 2>err.txt || fail "a run with $*" "$(cat err.txt)"
}

# --- a whole run --------------------------------------------------------------------------------------------------

"$train" mnist --data small --epochs 3 >out.txt 2>err.txt
check 'a run ends with exit code 0' test $? -eq 0
check 'it writes to runs/<data set>-<model>-seed<seed>' test -f runs/mnist-mlp-seed1/log.csv
log=runs/mnist-mlp-seed1/log.csv
check 'log.csv has the promised columns' grep -q \
  '^epoch,step,lr,f_batch,f,cross_entropy,train_accuracy,test_accuracy,seconds,images_per_second' $log
check 'and a row for each epoch' test "$(tail -n +2 $log | cut -d, -f1,2 | tr '\n' ' ')" = '1,3 2,6 3,9 '
check 'f is the cross-entropy and the L2 term' awk -F, '
  NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "theta_sq") t = i; next }
  { d = $5 - $6 - 0.005 * $t; if (d * d > 1e-12 || $6 <= 0 || $t <= 0) exit 1 }' $log
check 'the error of the test accuracy is binomial' awk -F, '
  NR == 1 { for (i = 1; i <= NF; ++i) column[$i] = i; next }
  { n = $column["test_images"]; p = $8; d = $column["test_accuracy_error"] - sqrt(p * (1 - p) / n)
    if (n != 50 || d * d > 1e-20) exit 1 }' $log
check 'accuracies are fractions' awk -F, 'NR > 1 && ($7 < 0 || $7 > 1 || $8 < 0 || $8 > 1) { exit 1 }' $log
check 'the table on standard output has a row for each epoch' test "$(grep -Ec '^ *[1-3] .*[0-9]  [a-z][a-z ]*(, rate cut to [0-9.]+)?$' out.txt)" -eq 3
check 'its header says how many test images there are' grep -q 'test acc (50)' out.txt
check 'its rows have the error of the test accuracy' test "$(grep -c '^ *[1-3] .* 0\.[0-9]* +- 0\.0[0-9]* ' out.txt)" -eq 3
check 'so does the summary' grep -Eq '^  accuracy +train [0-9.]+, test [0-9.]+ \+- 0\.[0-9]+ \(50 images\)$' out.txt
check 'the summary names the files' grep -q 'runs/mnist-mlp-seed1/log.csv, model.safetensors, report.html, decisions.csv, layers.csv, steps.bin, run.json' out.txt
for word in data model memory machine seed optimizer training output; do
  check "the header block on standard error has a line for: $word" grep -q "^  $word  *[^ ]" err.txt
done
check 'the images are said to be real' grep -q 'mnist: real, from small/mnist' err.txt
check 'without a terminal progress comes as whole lines' grep -q '^epoch 1/3  step 3/3  loss .* ETA ' err.txt
check 'and nothing redraws a line' sh -c "! grep -q \"\$(printf '\r')\" err.txt"
check 'run.json is JSON' valid_json runs/mnist-mlp-seed1/run.json
for fact in '"status": "finished"' '"epochs": 3' '"lr": 0.1' '"kind": "real"' '"numeric_class": "' '"checksum": "' \
  '"started": "2' '"test_images": 50' '"test_accuracy_error": 0.0' '"given": true' '"measured_epoch": 3' "\"working_directory\": \"$(pwd -P)\"" '"parameter_checksum": "'; do
  check "run.json holds $fact" grep -qF "$fact" runs/mnist-mlp-seed1/run.json
done

"$train" mnist --data small --epochs 1 --quiet >out.txt 2>err.txt
check 'a second run gets a folder of its own' test -f runs/mnist-mlp-seed1-2/log.csv
check '--quiet is silent on standard error' test ! -s err.txt
check '--quiet prints the summary and no table' sh -c 'grep -q "^finished: 1 of 1 epoch" out.txt && ! grep -q f_batch out.txt'

quiet_run runs/mnist-mlp-seed1 --epochs 1 --force
check '--force overwrites a run' test "$(wc -l <$log)" -eq 2

# --- options ------------------------------------------------------------------------------------------------------

quiet_run sparse --epochs 5 --eval-every 2
check '--eval-every 2 measures after epochs 2, 4 and the last' test \
  "$(tail -n +2 sparse/log.csv | awk -F, '{ printf "%s", ($5 == "" && $8 == "") ? "-" : "x" }')" = '-x-xx'
quiet_run sparse-end --epochs 7 --eval-every 3 --eval-last 2
check '--eval-last 2 measures after each of the last two as well' test \
  "$(tail -n +2 sparse-end/log.csv | awk -F, '{ printf "%s", ($5 == "" && $8 == "") ? "-" : "x" }')" = '--x--xx'
quiet_run never --epochs 2 --eval-every 0 --eval-last 2
check '--eval-every 0 measures nothing' awk -F, 'NR > 1 && $5 $6 $7 $8 != "" { exit 1 }' never/log.csv
check 'and changes nothing else' test "$(cut -d, -f1-4 never/log.csv)" = "$(cut -d, -f1-4 sparse/log.csv | head -n 3)"
"$train" mnist --data odd --quiet --out odd-run --epochs 1 >/dev/null
check 'a rest smaller than the batch is left out' test "$(tail -n 1 odd-run/log.csv | cut -d, -f2)" -eq 3
"$train" mnist --data small --show-data sheet.pgm >out.txt 2>err.txt
check '--show-data writes a picture' test "$(head -c 2 sheet.pgm)" = P5
check 'and trains nothing' sh -c '! ls -d runs/mnist-mlp-seed1-3 >/dev/null 2>&1'
"$train" --help >help.txt
check '--help ends with exit code 0' test $? -eq 0
for option in data show-data model epochs batch lr momentum dampening weight-decay optimizer schedule seed data-seed \
  sampling threads eval-every eval-last out force quiet help version; do
  check "--help lists --$option" grep -q "^  --$option " help.txt
done
for command in report paper selftest; do
  check "--help mentions $command" grep -q "^       ./train $command " help.txt
done
check '--version names the version' sh -c "'$train' --version | grep -q '^quench [0-9]'"

# without_data DATASET TITLE: generated images are many; once the run has begun it need not come to its end.
without_data() {
  rm -f err.txt  # of the run before
  "$train" "$1" --epochs 1 --eval-every 0 --out "generated-$1" >out.txt 2>err.txt &
  process=$!
  await_that $process grep -qs '^  output ' err.txt
  kill -TERM $process 2>/dev/null
  await $process
  check "without data the run is on generated images: $1" grep -q '"kind": "generated"' "generated-$1/run.json"
  check 'run.json says that no folder was given' grep -q '"given": false' "generated-$1/run.json"
  check 'and says so loudly' grep -q "^\*\*\* NOT $2: " err.txt
  check 'in the header block' grep -q "GENERATED images, not $1; $3 to train, 10,000 to test" err.txt
  check 'and in the summary' grep -q "NOT $1" out.txt
}
without_data mnist MNIST 60,000
without_data cifar10 CIFAR-10 50,000

# --- CIFAR-10 and the two models ----------------------------------------------------------------------------------

"$train" cifar10 --data small --batch 20 --epochs 2 >out.txt 2>err.txt
check 'a run on CIFAR-10 ends with exit code 0' test $? -eq 0
check 'it trains the convolutional network' grep -q '^  model  *cnn, ' err.txt
check 'on real images' grep -q 'cifar10: real, from small/cifar-10-batches-bin; 60 to train, 20 to test' err.txt
check "with the paper's settings" \
  grep -q '^  optimizer  *sgd, lr 0.1, schedule fdr, momentum 0.9, dampening 0, weight decay 0.01$' err.txt
check 'and says how many test images there are' grep -Eq 'test [0-9.]+ \+- [0-9.]+ \(20 images\)$' out.txt
for fact in '"dataset": "cifar10"' '"model": "cnn"' '"momentum": 0.9' '"training_images": 60' '"kind": "real"'; do
  check "run.json of CIFAR-10 holds $fact" grep -qF "$fact" runs/cifar10-cnn-seed1/run.json
done
quiet_run_on cifar10 cifar10-mlp --batch 20 --epochs 1 --model mlp
check '--model mlp trains the other network on CIFAR-10' grep -q '"parameters": 656810,' cifar10-mlp/run.json
quiet_run mnist-cnn --epochs 1 --model cnn
check '--model cnn trains the convolutional network on MNIST' grep -q '"name": "cnn"' mnist-cnn/run.json
check 'with the momentum of MNIST' grep -q '"momentum": 0,' mnist-cnn/run.json
for threads in 1 2 3; do quiet_run_on cifar10 "cifar10-$threads" --batch 20 --epochs 2 --threads $threads; done
check '1 and 2 threads train the same convolutional network' same cifar10-1 cifar10-2
check 'and so do 3' same cifar10-1 cifar10-3
"$train" cifar10 --data small --show-data sheet.ppm >out.txt 2>err.txt
check '--show-data writes a picture in colour' test "$(head -c 2 sheet.ppm)" = P6

# column DIR NAME: that column of the log, a value a line.
column() {
  awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == name) c = i; next } { print $c }' "$1/log.csv"
}

# --- the learning rate and the relation -------------------------------------------------------------------------------

# warns_of_decay ARGUMENT...: whether the run warns that without weight decay the relation never settles.
warns_of_decay() {
  "$train" mnist --data small --quiet --out decay --force --epochs 1 "$@" >out.txt 2>err.txt
  grep -q 'warning: --weight-decay 0: nothing confines the norm' err.txt
}
check 'the relation without weight decay is warned of' warns_of_decay --weight-decay 0
check 'so is the test of SASA, which is of the same relation' warns_of_decay --weight-decay 0 --schedule sasa
check 'nor is the relation with weight decay' test "$(warns_of_decay; echo $?)" -eq 1
check 'nor a schedule without the relation' test "$(warns_of_decay --weight-decay 0 --schedule plateau; echo $?)" -eq 1

quiet_run lagged --epochs 3 --fdr-lagged
check '--fdr-lagged is audited without momentum' test "$(column lagged audit_residual | grep -c .)" -eq 3
check 'and passes' test ! -s err.txt

"$train" mnist --data small --out adam --epochs 2 --optimizer adam >out.txt 2>err.txt
check 'the table of Adam has the drift of the norm' grep -q ' -th.d/eta .* drift of the norm ' out.txt
check 'and so has its summary' grep -q '^  schedule .*; drift of the norm (not the relation), as a ratio ' out.txt
check 'and its report' grep -q ': drift of the norm, not the relation</td>' adam/report.html
check 'not O_L and O_R' sh -c '! grep -q O_L out.txt'

"$train" mnist --data small --quiet --out slow --epochs 60 --lr 1e-7 >out.txt 2>err.txt
check 'a rate at which updates are lost to rounding is named as the reason' \
  grep -q 'the audit of epoch [0-9]* failed: .* many are lost to rounding; the learning rate is too small for them$' err.txt

# --- a run is a pure function of its seeds --------------------------------------------------------------------------

quiet_run reference --epochs 2 --threads 1
for threads in 1 2 3 7; do
  quiet_run "threads-$threads" --epochs 2 --threads $threads
  check "$threads threads give the same log and parameters" same reference "threads-$threads"
done
quiet_run other-seed --epochs 2 --seed 2 --data-seed 1
check 'another seed gives others' different reference other-seed
quiet_run other-order --epochs 2 --data-seed 2
check 'so does another data seed' different reference other-order
quiet_run seed-2 --epochs 2 --seed 2
quiet_run named-seed --epochs 2 --seed 2 --data-seed 2
check 'the data seed is the seed by default' same seed-2 named-seed
check 'and not another' different seed-2 other-seed
quiet_run iid --epochs 2 --sampling iid
check '--sampling iid draws other batches' different reference iid
quiet_run iid-again --epochs 2 --sampling iid
check 'and the same ones again' same iid iid-again
quiet_run batches --epochs 1 --batch 37
check 'a batch that is no multiple of 16 trains' test "$(tail -n 1 batches/log.csv | cut -d, -f2)" -eq 8

# --- signals --------------------------------------------------------------------------------------------------------

# interrupted DIR SIGNAL: starts a run without end, waits for two rows, sends the signal; leaves the exit code.
interrupted() {
  "$train" mnist --data small --epochs 1000000000 --out "$1" >out.txt 2>err.txt &
  process=$!
  await_rows $process "$1/log.csv" 2
  kill "-$2" $process
  await $process
  code=$?
}

whole_log() {
  [ -z "$(tail -c 1 "$1/log.csv")" ] && awk -F, 'NR == 1 { columns = NF } NF < 15 || NF != columns || (NR > 1 && ($1 != NR - 1 || $2 != 3 * $1)) { exit 1 }' "$1/log.csv"
}

interrupted stopped INT
check 'Ctrl-C ends with exit code 130' test $code -eq 130
check 'the log has whole rows, none missing' whole_log stopped
check 'run.json says that the run was interrupted' grep -q '"status": "interrupted"' stopped/run.json
check 'and is JSON' valid_json stopped/run.json
check 'the summary says how far it came' grep -q '^interrupted: [0-9]* of 1000000000 epochs' out.txt
interrupted terminated TERM
check 'SIGTERM ends with exit code 143' test $code -eq 143
check 'with its files in order as well' whole_log terminated
check 'and a run.json that says so' grep -q '"status": "interrupted"' terminated/run.json

make_mnist tiny 20 10
"$train" mnist --data tiny --batch 20 --epochs 50 --out piped 2>err.txt | head -n 1 >/dev/null
check 'a reader that goes away does not end the run' grep -q '"status": "finished"' piped/run.json

finish
