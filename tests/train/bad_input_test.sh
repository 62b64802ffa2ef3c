#!/usr/bin/env bash
# Every bad input has its own message, one line on standard error, and its exit code.
set -u
. "$(dirname "$0")/checks.sh"

# refuses CODE MESSAGE ARGUMENT...: the program ends with CODE and says a line on standard error that holds MESSAGE,
# nothing else anywhere.
refuses() {
  fails "$@"
  check 'and prints no result' test ! -s out.txt
}

# fails CODE MESSAGE ARGUMENT...: the same, but it may print results.
fails() {
  code=$1
  message=$2
  shift 2
  "$train" "$@" >out.txt 2>err.txt
  found=$?
  name="$(printf '%q ' "$@")-> $message"
  if [ "$found" -ne "$code" ]; then
    fail "$name" "exit code $found, expected $code; $(head -n 1 err.txt)"
  elif ! grep -qF -- "$message" err.txt; then
    fail "$name" "said: $(cat err.txt)"
  elif [ "$(wc -l <err.txt)" -ne 1 ] || ! grep -q '^train: ' err.txt || grep -q '\.$' err.txt; then
    fail "$name" "expected one line that starts with 'train: ' and ends without a full stop: $(cat err.txt)"
  else
    ok "$name"
  fi
}

# --- the command line -------------------------------------------------------------------------------------------

refuses 2 'found no data set, expected mnist or cifar10'
refuses 2 'unknown data set "imagenet", expected mnist or cifar10' imagenet
refuses 2 'found "extra" after the data set mnist' mnist extra
refuses 2 'unknown option --epoch; did you mean --epochs?' mnist --epoch 3
refuses 2 'unknown option --frobnicate; --help lists all' mnist --frobnicate
refuses 2 '--lr: found "1e", expected a finite number >= 0' mnist --lr 1e
refuses 2 '--lr: found "3.5e38", which is outside the range of floats (1.4e-45 to 3.4e+38)' mnist --lr 3.5e38
refuses 2 '--lr: found "1e-50", which is outside the range of floats (1.4e-45 to 3.4e+38)' mnist --lr 1e-50
refuses 2 'unknown option --data_seed; did you mean --data-seed?' mnist --data_seed 3
refuses 2 'unknown option --fo\x0abar; --help lists all' mnist $'--fo\nbar'
refuses 2 '--batch: found "12x", expected a whole number from 1 to 16777216' mnist --batch 12x
refuses 2 '--epochs: found nothing' mnist --epochs
refuses 2 '--epochs: found "0", expected a whole number from 1 to 1000000000' mnist --epochs 0
refuses 2 '--batch: found "0", expected a whole number from 1 to 16777216' mnist --batch 0
refuses 2 '--lr: found "-0.1", expected a finite number >= 0' mnist --lr -0.1
refuses 2 '--lr: found "nan", expected a finite number >= 0' mnist --lr nan
refuses 2 '--lr: found "inf", expected a finite number >= 0' mnist --lr inf
refuses 2 '--momentum: found "1", expected a number >= 0 and < 1' mnist --momentum 1
refuses 2 '--threads: found "0", expected a whole number from 1 to 1024' mnist --threads 0
refuses 2 '--threads: found "1000000000", expected a whole number from 1 to 1024' mnist --threads 1000000000
refuses 2 '--model: found "rnn", expected mlp or cnn' cifar10 --model rnn
refuses 2 '--sampling: found "random", expected shuffle or iid' mnist --sampling random

# --- the data ---------------------------------------------------------------------------------------------------

make_mnist good
images=mnist/train-images-idx3-ubyte
labels=mnist/train-labels-idx1-ubyte

# damaged: a fresh copy of the good folder.
damaged() {
  rm -rf bad
  cp -R good bad
}

refuses_data() {
  refuses 1 "$1" mnist --data bad --epochs 1 --quiet
}

rm -rf bad
refuses_data "bad/mnist: found none of MNIST's files, expected them all; get them with tools/get-data mnist bad"
refuses 1 'they lie in good/mnist itself, but --data names the folder that holds mnist/' mnist --data good/mnist
damaged
rm bad/$images
refuses_data "bad/$images is missing"
damaged
: >bad/$images
refuses_data "bad/$images is empty, expected an IDX file"
damaged
idx_images bad/$images 300 $((300 * 784 - 1))
refuses_data "bad/$images is truncated: it has $((300 * 784 + 15)) bytes, expected $((300 * 784 + 16))"
damaged
idx_images bad/$images 300 $((300 * 784 + 1))
refuses_data "bad/$images is too long: it has $((300 * 784 + 17)) bytes, expected $((300 * 784 + 16))"
damaged
{
  be32 2049
  tail -c +5 good/$images
} >bad/$images
refuses_data "bad/$images has magic number 0x00000801, expected 0x00000803"
damaged
{
  head -c 8 good/$images
  be32 27
  tail -c +13 good/$images
} >bad/$images
refuses_data "bad/$images holds 300 x 27 x 28 values, expected N x 28 x 28"
damaged
{
  head -c 307 good/$labels
  printf '\012'
} >bad/$labels
refuses_data "bad/$labels has label 10 at position 299, expected 0 .. 9"
damaged
idx_labels bad/$labels 299
refuses_data "bad/$labels has 299 labels, expected 300"
# In the folder that is looked in without --data, damaged files are no reason to generate others.
damaged
rm bad/$images
mv bad data
refuses 1 "data/$images is missing" mnist --epochs 1 --quiet
rm -rf data


make_cifar10 good
folder=bad/cifar-10-batches-bin

refuses_cifar10() {
  refuses 1 "$1" cifar10 --data bad --epochs 1 --quiet
}

rm -rf bad
refuses_cifar10 "$folder: found none of CIFAR-10's files, expected them all; get them with tools/get-data cifar10 bad"
mkdir -p $folder
refuses_cifar10 "$folder: found none of CIFAR-10's files, expected them all"
refuses 1 'they lie in good/cifar-10-batches-bin itself, but --data names the folder that holds cifar-10-batches-bin/' \
  cifar10 --data good/cifar-10-batches-bin
refuses 1 "found none of CIFAR-10's files" cifar10 --data good/mnist
refuses 1 "found none of CIFAR-10's files" cifar10 --data good/$images
damaged
rm $folder/test_batch.bin
refuses_cifar10 "$folder lacks test_batch.bin"
damaged
rm $folder/data_batch_1.bin
refuses_cifar10 "$folder lacks data_batch_1.bin"
damaged
mv $folder/data_batch_2.bin $folder/data_batch_4.bin
refuses_cifar10 "$folder lacks data_batch_2.bin, data_batch_3.bin"
damaged
cp $folder/data_batch_2.bin $folder/data_batch_02.bin
refuses_cifar10 "$folder/data_batch_02.bin has \"02\" for its number, expected 1, 2, 3, ... without leading zeros"
damaged
: >$folder/data_batch_2.bin
refuses_cifar10 "$folder/data_batch_2.bin is empty, expected records of 3073 bytes"
damaged
head -c 4000 good/cifar-10-batches-bin/test_batch.bin >$folder/test_batch.bin
refuses_cifar10 "$folder/test_batch.bin has 4000 bytes, expected a multiple of 3073 bytes (a label and 3 x 32 x 32 pixels); after record 1 come 927 more"
damaged
printf '\012' | dd of=$folder/data_batch_2.bin bs=1 seek=3073 conv=notrunc 2>/dev/null
refuses_cifar10 "$folder/data_batch_2.bin has label 10 at position 1, expected 0 .. 9"
damaged
gzip $folder/data_batch_1.bin
refuses_cifar10 "$folder/data_batch_1.bin.gz is gzip-compressed; run gunzip"
damaged
rm $folder/data_batch_1.bin
mkdir $folder/data_batch_1.bin
refuses_cifar10 "$folder/data_batch_1.bin is a directory, expected a file"
damaged
ln -sf nowhere $folder/data_batch_1.bin
refuses_cifar10 "cannot open $folder/data_batch_1.bin: No such file or directory"
rm -rf bad
mkdir bad
: >$folder
refuses_cifar10 "cannot list the folder $folder: Not a directory"
damaged
rm $folder/test_batch.bin
mv bad data
refuses 1 'data/cifar-10-batches-bin lacks test_batch.bin' cifar10 --epochs 1 --quiet
rm -rf data

refuses 2 '--batch: found 301, expected at most 300, the number of training images' mnist --data good --batch 301

# --- the machine ------------------------------------------------------------------------------------------------

QUENCH_ISA=mmx
export QUENCH_ISA
refuses 1 "QUENCH_ISA is 'mmx', which this machine cannot run" mnist --data good --epochs 1
unset QUENCH_ISA
check 'and lists what there is' grep -Eq '; it has ([a-z0-9]+, )*(baseline|portable)$' err.txt
for isa in $(sed 's/.*; it has //; s/,//g' err.txt); do
  check "which can be chosen: $isa" env QUENCH_ISA="$isa" "$train" mnist --data good --epochs 1 --eval-every 0 --out "$isa"
  check "and is recorded: $isa" grep -q "\"instruction_set\": \"$isa\"" "$isa/run.json"
done

# --- where results go -------------------------------------------------------------------------------------------
# What cannot be written is refused at the start, before data are looked for: there is no folder `nowhere`.

: >file
refuses 1 'output folder file/run cannot be made: Not a directory' mnist --data nowhere --out file/run
refuses 1 'output folder file cannot be made: Not a directory' mnist --data nowhere --out file
if [ -d /proc/self ]; then
  refuses 1 'output folder /proc/quench cannot be made' mnist --data nowhere --out /proc/quench
fi
refuses 1 'cannot write file/sheet.pgm: Not a directory' mnist --data nowhere --show-data file/sheet.pgm
refuses 1 'cannot write good: Is a directory' mnist --data nowhere --show-data good
refuses 1 'nowhere/mnist: found none' mnist --data nowhere --out a/b
check 'a run that cannot begin leaves no folder' test ! -e a
refuses 1 'nowhere/mnist: found none' mnist --data nowhere
check 'nor its default one' test ! -e runs
mkdir -p blocked/run.json
refuses 1 'blocked/run.json cannot be replaced: it is a folder' mnist --data good --epochs 1 --out blocked --force
check 'nor a log' test ! -e blocked/log.csv
mkdir foreign
echo '{}' >foreign/run.json
refuses 1 'foreign/run.json exists already; choose another --out' mnist --data good --epochs 1 --out foreign
check 'a foreign run.json is kept' test "$(cat foreign/run.json)" = '{}'
check 'and gets no log' test ! -e foreign/log.csv

if [ -e /dev/full ]; then
  "$train" mnist --data good --epochs 2 --quiet --out unheard >/dev/full 2>err.txt
  check 'results that cannot be printed end in exit code 1' test $? -eq 1
  check 'and the message says so' grep -q 'standard output cannot be written: No space left on device' err.txt
  check 'but the run is on disk' test "$(wc -l <unheard/log.csv)" -eq 3
  "$train" --help >/dev/full 2>err.txt
  check 'help that cannot be printed ends in exit code 1' test $? -eq 1
else
  skip 'standard output on a full disk' 'there is no /dev/full'
fi

# A disk of 16 MB, room for two runs, which goes away with the shell that made it.
if unshare -rm sh -c 'mkdir small-disk && mount -t tmpfs -o size=16m none small-disk' >/dev/null 2>&1; then
  unshare -rm bash -s "$train" >full.txt 2>&1 <<'END'
    mount -t tmpfs -o size=16m none small-disk
    run() { "$1" mnist --data good --epochs 1 --quiet --out small-disk/"$2" "${@:3}" >/dev/null; }
    run "$1" old || echo 'the first run failed'
    cp -R small-disk/old before
    cat /dev/zero >small-disk/filler 2>/dev/null
    run "$1" new && echo 'a new run began'
    ls -d small-disk/new 2>/dev/null
    run "$1" old --force && echo 'a run over the old one began'
    diff -r small-disk/old before && echo 'the old run is whole'
    rm small-disk/filler
    run "$1" new || echo 'the same command failed later'
    run "$1" old --force || echo 'the same command over the old one failed later'
END
  check 'on a disk that is full at the start a run is refused and no trace of it left' \
    grep -q '^train: small-disk/new/log.csv cannot be written: No space left on device$' full.txt
  check 'with --force the old run stays' grep -q '^the old run is whole$' full.txt
  check 'and nothing else is wrong' test "$(grep -Evc 'No space left on device$|^the old run is whole$' full.txt)" -eq 0
else
  skip 'a disk that is full at the start' 'no disk can be mounted here'
fi

"$train" mnist --data good --epochs 1 --quiet --out once >out.txt 2>err.txt
refuses 1 'once/log.csv exists already; choose another --out, or --force to overwrite it' mnist --data good --out once

# Two that start together: one runs, the other is refused.
"$train" mnist --data good --epochs 2 --quiet --out both >/dev/null 2>first.txt &
first=$!
"$train" mnist --data good --epochs 2 --quiet --out both >/dev/null 2>second.txt &
second=$!
await $first
codes=$?
await $second
codes=$((codes + $?))
check 'of two runs that want one folder one is refused' test $codes -eq 1
check 'and the other has its log' test "$(wc -l <both/log.csv)" -eq 3

# A pipe in the place of the log neither blocks nor is written to.
mkdir pipe
mkfifo pipe/log.csv
"$train" mnist --data good --epochs 1 --quiet --out pipe --force >/dev/null 2>err.txt &
await $!
check 'a pipe in the place of an old log is replaced' test $? -eq 0
check 'by the new log' test -f pipe/log.csv

# interfered DIR COMMAND: starts a run, and once there is a row does COMMAND in its folder; then ends the run.
interfered() {
  "$train" mnist --data good --batch 300 --epochs 1000000000 --eval-every 0 --quiet --out "$1" >out.txt 2>err.txt &
  process=$!
  await_rows $process "$1/log.csv" 1
  (cd "$1" && eval "$2")
  await_that $process test -s err.txt
  kill -TERM $process
  await $process
  code=$?
}

interfered cut ': >log.csv'
check 'a log that somebody cuts ends in exit code 1' test $code -eq 1
check 'with a warning' grep -q '^train: warning: cut/log.csv cannot be written: it is shorter than what was written;' err.txt
check 'and is left alone' test ! -s cut/log.csv
interfered swapped 'mkfifo pipe; exec 3<>pipe; mv pipe log.csv; sleep 1'
check 'a pipe that takes the place of the log does not block the run' test $code -eq 1
check 'and is reported' grep -Eq 'swapped/log.csv cannot be written: (it is not a regular file|No such device)' err.txt

# A limit on the size of files stands in for a disk that fills: the log passes it after some 30 epochs, run.json does
# not. What the program prints goes through pipes, which have no size.
make_mnist tiny 20 10
(
  ulimit -f 8
  "$train" mnist --data tiny --batch 20 --epochs 100 --eval-every 0 --out filling
  echo $? >code.txt
) 2>&1 | cat >said.txt
check 'a disk that fills during the run ends in exit code 1' test "$(cat code.txt)" -eq 1
check 'after one warning' test "$(grep -c 'warning: filling/log.csv cannot be written' said.txt)" -eq 1
check 'and all epochs' grep -q '^finished: 100 of 100 epochs' said.txt
check 'with a message about the rows that are missing' grep -q '^train: filling/log.csv lacks the last [0-9]* rows: ' said.txt
check 'the log that is there has whole rows' awk -F, 'NR == 1 { columns = NF } NF != columns { exit 1 } END { exit NR < 20 }' filling/log.csv
check 'and ends with one' test -z "$(tail -c 1 filling/log.csv)"

# --- a loss that is no number -----------------------------------------------------------------------------------

fails 1 'the loss became nan' mnist --data good --lr 1e30 --epochs 3 --out diverged --quiet
check 'it names the step' grep -q 'at step [0-9]* (epoch 1, its step [0-9]* of 3)' err.txt
check 'the last finite loss' grep -q 'the last finite loss was [0-9]' err.txt
check 'and a remedy' grep -q 'try a lower --lr than 1e+30$' err.txt
check 'the log is kept' grep -q '^epoch,step,lr,' diverged/log.csv
check 'run.json says that the run failed' grep -q '"status": "failed"' diverged/run.json
fails 1 'the squared norm of the parameters became inf' \
  mnist --data tiny --batch 20 --lr 1e30 --weight-decay 1e30 --epochs 1 --out infinite --quiet
fails 1 'became' mnist --data tiny --batch 20 --lr 2 --weight-decay 1.5 --epochs 1000 --eval-every 4 --out late --quiet
check 'figures measured before the end are said to be' grep -q '^  measured  *at the end of epoch 4, not of the run' out.txt
check 'and the epoch is recorded' grep -q '"measured_epoch": 4,$' late/run.json

finish
