#!/usr/bin/env bash
# A run that is killed fifty times, and goes on each time, ends with the bytes of one that nobody disturbed. The kills
# land during the writing of a checkpoint, in the middle of epochs, right after cuts of the learning rate, and while a
# run that goes on starts: before it has begun to train.
set -u
. "$(dirname "$0")/checks.sh"

kills=50
while [[ $# -gt 0 ]]; do
  case $1 in
    --kills) kills=$2 && shift 2 ;;
    *) echo "usage: kill_test.sh [--kills N], a multiple of ten" >&2 && exit 2 ;;
  esac
done
# A sanitizer's program takes long to start.
[[ -n ${QUENCH_SANITIZE:-} ]] && kills=20

make_mnist data 600 50
# Checkpoints are frequent and cuts are rare: one in 33.5 epochs, in turn in the middle of an epoch and at its end.
epochs=2000 steps=12 between_checkpoints=5 between_cuts=402
# Takes the place of the shell that calls it: what is killed must be the program, not a shell that waits for it.
run() { # FOLDER ARGUMENT...
  local folder=$1
  shift
  exec "$train" mnist --data data --out "$folder" --batch 50 --momentum 0.9 --epochs $epochs --fdr-every $between_cuts \
    --fdr-threshold 1e9 --fdr-decay 0.1 --detectors all --eval-every 50 --quiet "$@"
}

# What the run's folder says, by the shell alone: another process for each look would see everything too late.
shopt -s nullglob
look_for_checkpoint() { # sets newest: of the finished checkpoints, its step
  local done=(disturbed/checkpoints/*[0-9]/DONE) name
  name=${done[*]: -1} name=${name%/DONE} name=${name##*/}
  newest=$((10#${name:-0}))
}
look_for_cut() { # sets last_cut: the step of the last cut in decisions.csv
  local rows=() i row
  last_cut=0
  [ -e disturbed/decisions.csv ] && mapfile -t rows <disturbed/decisions.csv
  for ((i = ${#rows[@]} - 1; i > 0; --i)); do
    [[ ${rows[i]} == *,cut ]] || continue
    row=${rows[i]#*,} last_cut=${row%%,*}
    return
  done
}
look_for_rows() { # sets rows: of the log, one for each epoch that is over
  local lines=()
  [ -e disturbed/log.csv ] && mapfile -t lines <disturbed/log.csv
  rows=$((${#lines[@]} > 0 ? ${#lines[@]} - 1 : 0))
}
# The newest checkpoint is of the middle of an epoch, and that epoch is not over.
is_in_epoch() { [ $((newest % steps)) -ne 0 ] && look_for_rows && [ $rows -eq $((newest / steps)) ]; }
has_partial() {
  local partial=(disturbed/checkpoints/*.partial)
  [ ${#partial[@]} -gt 0 ]
}
# A run that goes on writes run.json anew right before it trains, when the tables are cut to the checkpoint.
has_begun() { [ -e disturbed/run.json ] && ! [ disturbed/run.json -ef before.json ]; }
is_past() { look_for_checkpoint && [ $newest -gt $at_start ]; }
# Its own cut, and no checkpoint past it: before the fifth step after the cut, or while the checkpoint of that step is
# written.
is_right_after_cut() {
  has_begun && look_for_cut && [ "$last_cut" -gt $at_start ] && look_for_checkpoint && [ $newest -le "$last_cut" ]
}
is_writing() { is_past && has_partial; }
is_past_in_epoch() { is_past && ! has_partial && is_in_epoch; }
# Or it is too late to see it.
has_shorter_tables() { has_begun || { look_for_cut && [ "$last_cut" -lt "$cut_at_start" ]; }; }
is_over() { [ ${EPOCHREALTIME/[.,]/} -ge $deadline ]; }
# wait_until CONDITION: false when the process has ended. (Not await_that, whose sleep would miss the moment.)
wait_until() {
  local until=$((SECONDS + patience))
  while ! "$@"; do
    kill -0 $process 2>/dev/null && [ $SECONDS -lt $until ] || return 1
  done
}
# stop_process: returns when it stands still, or has ended.
stop_process() {
  local status='' tries
  kill -STOP $process 2>/dev/null || return
  for ((tries = 0; tries < 1000; ++tries)); do
    [ -r /proc/$process/stat ] && read -r status 2>/dev/null </proc/$process/stat
    case ${status##*) } in T* | t* | Z* | '') return ;; esac
  done
}
# kill_when CONDITION: when it holds, which may be over in a moment: looks again while the process stands still.
kill_when() {
  while wait_until "$@"; do
    stop_process
    "$@" && return
    kill -CONT $process 2>/dev/null
  done
}
sizes() { (cd disturbed && cat -- *.csv steps.bin | wc -c) 2>/dev/null; }

# Those after a cut come one after the other, so that the run passes the same cut again and again; in between are those
# at the start, which then has the row of the cut to take back.
turns=()
for round in 'write epoch write' 'epoch write epoch'; do
  for ((i = 0; i < kills / 10; ++i)); do turns+=($round); done
  for ((i = 0; i < kills / 10; ++i)); do turns+=(cut start); done
done
unreadable=0 in_write=0 in_epoch=0 after_cut=0 in_start=0 in_cutting=0 rows=0
threads=1 starts=0 start_time=20000 newest=0 last_cut=0
begin=$SECONDS
RANDOM=1
for i in "${!turns[@]}"; do
  look_for_checkpoint
  at_start=$newest
  look_for_cut
  cut_at_start=$last_cut
  size_at_start=$(sizes)
  threads=$((threads % 3 + 1))
  rm -f before.json
  [ -e disturbed/run.json ] && ln disturbed/run.json before.json
  launched=${EPOCHREALTIME/[.,]/}
  run disturbed --checkpoint-every ${between_checkpoints}steps --resume auto --threads $threads >/dev/null 2>err.txt &
  process=$!
  case ${turns[i]} in
    write) kill_when is_writing ;;
    epoch)
      # Under way before anything else: it has read what the last kill left.
      wait_until has_begun
      start_time=$((${EPOCHREALTIME/[.,]/} - launched))
      sleep 0.0$((RANDOM % 9))$((RANDOM % 9))
      kill_when is_past_in_epoch
      ;;
    cut) kill_when is_right_after_cut ;;
    start)
      # As soon as rows are gone from the tables, and at moments spread over the first half of the time that it takes.
      if ((starts % 2 == 0)); then
        wait_until has_shorter_tables
      else
        deadline=$((launched + start_time * (starts % 10) / 20))
        wait_until is_over
      fi
      starts=$((starts + 1))
      ;;
  esac
  kill -KILL $process 2>/dev/null
  wait $process 2>/dev/null
  status=$?
  if [ $status -ne 137 ] || [ -s err.txt ]; then
    unreadable=$((unreadable + 1))
    echo "kill $i: exit code $status, $(cat err.txt)"
  fi
  # What it left says where the kill landed; each counts once.
  look_for_checkpoint
  look_for_cut
  if ! has_begun; then
    in_start=$((in_start + 1))
    [ "$(sizes)" -lt "$size_at_start" ] && in_cutting=$((in_cutting + 1))
  elif is_right_after_cut; then
    after_cut=$((after_cut + 1))
  elif has_partial; then
    in_write=$((in_write + 1))
  elif is_in_epoch; then
    in_epoch=$((in_epoch + 1))
  fi
done
elsewhere=$((kills - in_write - in_epoch - after_cut - in_start))
echo "of $kills kills $in_write landed while a checkpoint was written, $in_epoch in mid-epoch, $after_cut right after a cut," \
  "$in_start at the start, $in_cutting of these when tables had been cut, $elsewhere elsewhere ($((SECONDS - begin)) s)"
check 'killed again and again a run always finds a checkpoint that it can read' test $unreadable -eq 0
check 'kills landed while a checkpoint was written' test $in_write -ge $((kills / 5))
check 'in mid-epoch' test $in_epoch -ge $((kills / 5))
check 'right after a cut of the learning rate' test $after_cut -ge $((kills / 10))
check 'and at the start of a run that goes on' test $in_start -ge $((kills / 10))

# To an epoch that both can reach.
look_for_checkpoint
epochs=$((newest / steps + 2))
(run disturbed --checkpoint-every ${between_checkpoints}steps --resume auto) >/dev/null 2>err.txt
check 'the last one goes on to the end' test $? -eq 0
(run undisturbed --checkpoint-every 0 --threads 2) >/dev/null 2>err.txt
check 'one that nobody disturbs does as well' test $? -eq 0
cuts=$(grep -c ',cut$' undisturbed/decisions.csv)
echo "$cuts cuts in $((epochs * steps)) steps"
check 'whose cuts are rare' test "$cuts" -ge 1 -a "$cuts" -eq $((epochs * steps / between_cuts))
for file in model.safetensors steps.bin decisions.csv layers.csv; do
  check "both have the same $file" cmp -s disturbed/$file undisturbed/$file
done
repeatable disturbed/log.csv >a.txt
repeatable undisturbed/log.csv >b.txt
check 'and the same log, but for times' cmp -s a.txt b.txt
check 'two checkpoints are left, and nothing that was being written' \
  test "$(ls disturbed/checkpoints | wc -l)" -eq 2

finish
