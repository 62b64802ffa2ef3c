#!/usr/bin/env bash
# Every bad input has its own message, one line on standard error, and its exit code.
set -u
. "$(dirname "$0")/checks.sh"

# refuses CODE MESSAGE ARGUMENT...: the program ends with CODE and says a line that holds MESSAGE, nothing else.
refuses() {
  code=$1
  message=$2
  shift 2
  "$train" "$@" >out.txt 2>err.txt
  found=$?
  name="$* -> $message"
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

refuses 2 'found no data set, expected one of: mnist'
refuses 2 'unknown data set "cifar10", expected mnist' cifar10
refuses 2 'found "extra" after the data set mnist' mnist extra
refuses 2 'unknown option --epoch; did you mean --epochs?' mnist --epoch 3
refuses 2 'unknown option --frobnicate; --help lists all' mnist --frobnicate
refuses 2 '--lr: found "1e", expected a finite number >= 0' mnist --lr 1e
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

refuses 2 '--batch: found 301, expected at most 300, the number of training images' mnist --data good --batch 301

# --- the machine ------------------------------------------------------------------------------------------------

QUENCH_ISA=mmx
export QUENCH_ISA
refuses 1 "QUENCH_ISA is 'mmx', which this machine cannot run" mnist --data good --epochs 1
unset QUENCH_ISA

: >file
refuses 1 'output folder file/run cannot be made: Not a directory' mnist --data good --epochs 1 --out file/run
refuses 1 'output folder file cannot be made' mnist --data good --epochs 1 --out file
if [ -d /proc/self ]; then
  refuses 1 'output folder /proc/quench cannot be made' mnist --data good --epochs 1 --out /proc/quench
fi
refuses 1 'cannot write file/sheet.pgm' mnist --data good --show-data file/sheet.pgm
mkdir -p blocked/run.json
refuses 1 'blocked/run.json cannot be written' mnist --data good --epochs 1 --out blocked
check 'a run that cannot begin leaves its folder free' test ! -e blocked/log.csv
if [ -e /dev/full ]; then
  mkdir full
  ln -s /dev/full full/log.csv
  refuses 1 'full/log.csv cannot be written: No space left on device' mnist --data good --out full --force
  check 'a disk that is full at the start begins no run' test ! -e full/run.json

  "$train" mnist --data good --epochs 2 --quiet --out unheard >/dev/full 2>err.txt
  check 'results that cannot be printed end in exit code 1' test $? -eq 1
  check 'and the message says so' grep -q 'standard output cannot be written: No space left on device' err.txt
  check 'but the run is on disk' test "$(wc -l <unheard/log.csv)" -eq 3
  "$train" --help >/dev/full 2>err.txt
  check 'help that cannot be printed ends in exit code 1' test $? -eq 1
else
  skip 'a disk that is full at the start' 'there is no /dev/full'
fi

"$train" mnist --data good --epochs 1 --quiet --out once >out.txt 2>err.txt
refuses 1 'once/log.csv exists already; choose another --out, or --force to overwrite it' mnist --data good --out once

# A limit on the size of files stands in for a disk that fills: the log passes it after some 100 epochs. What the
# program prints goes through pipes, which have no size.
(
  ulimit -f 16
  "$train" mnist --data good --epochs 300 --out filling
  echo $? >code.txt
) 2>&1 | cat >said.txt
check 'a disk that fills during the run ends in exit code 1' test "$(cat code.txt)" -eq 1
check 'after one warning' test "$(grep -c 'warning: filling/log.csv cannot be written' said.txt)" -eq 1
check 'and all epochs' grep -q '^finished: 300 of 300 epochs' said.txt
check 'with a message about the rows that are missing' grep -q '^train: filling/log.csv lacks the last [0-9]* rows: ' said.txt
check 'the log that is there has whole rows' awk -F, 'NF != 13 { exit 1 } END { exit NR < 20 }' filling/log.csv
check 'and ends with one' test -z "$(tail -c 1 filling/log.csv)"

# --- a loss that is no number -----------------------------------------------------------------------------------

refuses 1 'became' mnist --data good --lr 1e30 --epochs 3 --out diverged --quiet
check 'it names the step' grep -q 'at step [0-9]* (epoch 1, its step [0-9]* of 3)' err.txt
check 'the last finite loss' grep -q 'the last finite loss was [0-9]' err.txt
check 'and a remedy' grep -q 'try a lower --lr than 1e+30$' err.txt
check 'the log is kept' grep -q '^epoch,step,lr,' diverged/log.csv
check 'run.json says that the run failed' grep -q '"status": "failed"' diverged/run.json

finish
