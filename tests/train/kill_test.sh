#!/usr/bin/env bash
# A run that is killed fifty times, and goes on each time, ends with the bytes of one that nobody disturbed. The kills
# land during the writing of a checkpoint, in the middle of epochs, and right after cuts of the learning rate.
set -u
. "$(dirname "$0")/checks.sh"

kills=50
while [[ $# -gt 0 ]]; do
  case $1 in
    --kills) kills=$2 && shift 2 ;;
    *) echo "usage: kill_test.sh [--kills N]" >&2 && exit 2 ;;
  esac
done
# A sanitizer's program takes long to start.
[[ -n ${QUENCH_SANITIZE:-} ]] && kills=9

make_mnist data 600 50
epochs=1000 steps=12
# Every epoch ends with a cut, every five steps with a checkpoint.
# Takes the place of the shell that calls it: what is killed must be the program, not a shell that waits for it.
run() {
  exec "$train" mnist --data data --batch 50 --momentum 0.9 --epochs $epochs --fdr-threshold 1e9 --fdr-decay 0.01 --detectors all \
    --eval-every 50 --checkpoint-every 5steps --quiet "$@"
}

newest() { # of the finished checkpoints: its step
  local names
  names=$(compgen -G 'disturbed/checkpoints/*[0-9]/DONE' | sort | tail -n 1)
  names=${names%/DONE} names=${names##*/}
  echo $((10#${names:-0}))
}
has_partial() { compgen -G 'disturbed/checkpoints/*.partial' >/dev/null; }
cuts() { grep -c ',cut$' disturbed/decisions.csv 2>/dev/null; }
# wait_until CONDITION...: at most five seconds; false when the process has ended.
wait_until() {
  local until=$((SECONDS + 5))
  while ! "$@"; do
    kill -0 $process 2>/dev/null && [ $SECONDS -lt $until ] || return 1
  done
}
has_more_cuts() { [ "$(cuts)" -gt "$before" ]; }
is_past() { [ "$(newest)" -gt "$at_start" ]; }

unreadable=0 in_write=0 in_epoch=0 after_cut=0 threads=1
RANDOM=1
for ((i = 0; i < kills; ++i)); do
  at_start=$(newest)
  threads=$((threads % 3 + 1))
  run --out disturbed --resume auto --threads $threads >/dev/null 2>err.txt &
  process=$!
  # Under way before anything else: it has read what the last kill left.
  wait_until is_past
  case $((i % 3)) in
    0) wait_until has_partial ;;
    1) sleep 0.0$((RANDOM % 9))$((RANDOM % 9)) ;;
    2) before=$(cuts) && wait_until has_more_cuts ;;
  esac
  kill -KILL $process 2>/dev/null
  wait $process 2>/dev/null
  status=$?
  if [ $status -ne 137 ] || [ -s err.txt ]; then
    unreadable=$((unreadable + 1))
    echo "kill $i: exit code $status, $(cat err.txt)"
  fi
  # What it left says where the kill landed.
  has_partial && in_write=$((in_write + 1))
  [ $(($(newest) % steps)) -ne 0 ] && in_epoch=$((in_epoch + 1))
  [ $((i % 3)) -eq 2 ] && [ "$(cuts)" -gt "$before" ] && after_cut=$((after_cut + 1))
done
echo "of $kills kills $in_write landed while a checkpoint was written, $in_epoch in mid-epoch, $after_cut right after a cut"
check 'killed again and again a run always finds a checkpoint that it can read' test $unreadable -eq 0
check 'kills landed while a checkpoint was written' test $in_write -ge $((kills / 5))
check 'in mid-epoch' test $in_epoch -ge $((kills / 5))
check 'and right after a cut of the learning rate' test $after_cut -ge $((kills / 10))

# To an epoch that both can reach.
epochs=$(($(newest) / steps + 2))
(run --out disturbed --resume auto) >/dev/null 2>err.txt
check 'the last one goes on to the end' test $? -eq 0
(run --out undisturbed --threads 2) >/dev/null 2>err.txt
check 'one that nobody disturbs does as well' test $? -eq 0
for file in model.safetensors steps.bin decisions.csv layers.csv; do
  check "both have the same $file" cmp -s disturbed/$file undisturbed/$file
done
repeatable disturbed/log.csv >a.txt
repeatable undisturbed/log.csv >b.txt
check 'and the same log, but for times' cmp -s a.txt b.txt
check 'two checkpoints are left, and nothing that was being written' \
  test "$(ls disturbed/checkpoints | wc -l)" -eq 2

finish
