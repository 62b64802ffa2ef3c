#!/usr/bin/env bash
# Checkpoints and --resume: what goes on, what is refused, and what a full disk does. (kill_test.sh kills.)
set -u
. "$(dirname "$0")/checks.sh"

make_mnist small 600 50
make_mnist other 650 50
make_cifar10 small 60 20

files='model.safetensors steps.bin decisions.csv layers.csv'
# same NAME DIR DIR [FILE...]: two runs with the same bytes.
same() {
  local name=$1 a=$2 b=$3 file
  shift 3
  for file in $files "$@"; do check "$name: $file" cmp "$a/$file" "$b/$file"; done
  check "$name: log.csv but for times" diff <(repeatable "$a/log.csv") <(repeatable "$b/log.csv")
}

# same_as_pair DIR: whether the run has the bytes of the run "pair".
same_as_pair() {
  local file
  for file in $files; do cmp "$1/$file" "pair/$file" || return 1; done
}

# stop DIR ARGUMENT...: starts a run and ends it by SIGTERM once it has a row.
stop() {
  local folder=$1
  shift
  "$train" "$@" --data small --out "$folder" --quiet >/dev/null 2>err.txt &
  local process=$!
  await_rows $process "$folder/log.csv" 1 || fail 'a run to be stopped' 'it has no rows'
  kill -TERM $process
  await $process
}

# --- every kind of state ------------------------------------------------------------------------------------------

long='--epochs 4000 --checkpoint-every 0'
lower_isa=
[ "$(uname -m)" = x86_64 ] && grep -q ' avx512f ' /proc/cpuinfo 2>/dev/null && lower_isa=avx2
kinds=('mnist --batch 20 --momentum 0.9 --detectors all --theta-c --fdr-threshold 1e9 --max-cuts 7'
  'mnist --batch 20 --schedule plateau --sampling iid --dampening 0.2'
  'mnist --batch 20 --schedule preset --preset-epochs 3'
  'mnist --batch 20 --fdr-lagged --fdr-threshold 1e9 --fdr-decay 0.01'
  'mnist --batch 20 --optimizer adam --schedule abel'
  'mnist --batch 20 --optimizer amsgrad'
  'cifar10 --batch 10 --fdr-every 4 --fdr-threshold 1e9 --lr 0.01 --fdr-decay 0.01')
for i in "${!kinds[@]}"; do
  read -ra kind <<<"${kinds[i]} $long"
  stop "run$i" "${kind[@]}"
  check "SIGTERM ends ${kinds[i]} with 143" test $? -eq 143
  done=$(awk -F, 'END { print $1 }' "run$i/log.csv")
  # One epoch further, and two, in pieces: on other threads and another instruction set.
  "$train" --resume "run$i" --epochs $((done + 2)) --threads 3 --quiet >/dev/null 2>err.txt ||
    fail "going on with ${kinds[i]}" "$(cat err.txt)"
  (
    [ -n "$lower_isa" ] && export QUENCH_ISA=$lower_isa
    exec "$train" --resume "run$i" --epochs $((done + 3)) --threads 1 --quiet >/dev/null 2>err.txt
  ) || fail "going on a second time with ${kinds[i]}" "$(cat err.txt)"
  "$train" "${kind[@]}" --epochs $((done + 3)) --data small --out "whole$i" --quiet >/dev/null 2>err.txt ||
    fail "the whole run of ${kinds[i]}" "$(cat err.txt)"
  same "${kinds[i]}" "run$i" "whole$i"
done

# --- stages and the second relation ------------------------------------------------------------------------------

staged='mnist --init run0/model.safetensors --stages 0.05:2,0.02:3,0.01:2 --fdr2-every 1 --fdr2-half --fdr2-products 2 --momentum 0.5'
# shellcheck disable=SC2086
"$train" $staged --data small --out stages --quiet >out.txt 2>err.txt || fail 'stages' "$(cat err.txt)"
check 'the summary names both tables' grep -q ', run.json, stages.csv, fdr2.csv$' out.txt
check 'stages.csv has a row for each stage' test "$(wc -l <stages/stages.csv)" -eq 4
check 'each with its learning rate' test "$(awk -F, 'NR > 1 { printf "%s ", $2 }' stages/stages.csv)" = '0.05 0.02 0.01 '
check 'and the trace from products' awk -F, 'NR == 1 { for (i = 1; i <= NF; ++i) if ($i == "tr_hc_direct") f = i; next }
  $f == "" || $f <= 0 { exit 1 }' stages/stages.csv
check 'fdr2.csv has those of the second halves' test "$(awk -F, 'NR > 1 { printf "%s ", $1 }' stages/fdr2.csv)" = '2 4 5 7 '

# Killed in each of its stages, and as it goes on from there. Rows are far apart, as the look at a log may come dozens
# of epochs late; checkpoints are few, as a disk can take a second over one, and in mid-epoch, which has six steps.
long=(mnist --init run0/model.safetensors --data small --stages 0.05:120,0.02:180,0.01:300 --fdr2-every 1 --fdr2-half --momentum 0.5)
"$train" "${long[@]}" --out long --checkpoint-every 0 --quiet >/dev/null 2>err.txt || fail 'long stages' "$(cat err.txt)"
stages_killed=
for rows in 5 60 140 210 330 440; do
  "$train" "${long[@]}" --out killed --checkpoint-every 23steps --resume auto --threads $((rows % 3 + 1)) --quiet >/dev/null 2>err.txt &
  process=$!
  await_rows $process killed/log.csv $rows || fail "row $rows of long stages" 'it does not come'
  kill -KILL $process 2>/dev/null
  wait $process 2>/dev/null
  status=$?
  stages_killed+=" $(wc -l <killed/stages.csv)"
  check "stages that are killed after row $rows" test $status -eq 137 -a -n "$(grep '"status": "running"' killed/run.json)"
done
check 'in each of the three' test "$(printf '%s\n' $stages_killed | sort -u | tr '\n' ' ')" = '1 2 3 '
"$train" --resume killed --quiet >/dev/null 2>err.txt || fail 'stages that go on' "$(cat err.txt)"
same 'stages' long killed stages.csv fdr2.csv

# Two steps an epoch, no L2: before the first a shuffled epoch has all images to come, before the second those of its
# mini-batch; of independent draws nothing is known. Both steps are among the twelve.
for sampling in shuffle iid; do
  "$train" mnist --data small --batch 300 --epochs 12 --weight-decay 0 --lr 0.001 --sampling $sampling --fdr2-every 1 --out "two-$sampling" \
    --quiet >/dev/null 2>err.txt || fail "two steps an epoch, $sampling" "$(cat err.txt)"
  check "what is expected of a mini-batch, $sampling" awk -F, -v sampling=$sampling '
    NR == 1 { for (i = 1; i <= NF; ++i) at[$i] = i; next }
    {
      last = $at["random_step"] % 2 == 0
      ++count[last]
      known = last && sampling == "shuffle" ? $at["o_fb_tel"] : $at["random_gradient_sq"]
      other = last && sampling == "shuffle" ? $at["random_gradient_sq"] : $at["o_fb_tel"]
      off = $at["corrected_pull"] / known - 1
      if (off > 1e-5 || off < -1e-5) exit 1
      if ($at["corrected_pull"] != other) ++apart
    }
    END { exit !(count[0] > 0 && count[1] > 0 && apart == 12) }' "two-$sampling/fdr2.csv"
done

# interrupted_products NAME PRODUCTS ARGUMENT...: a run whose SIGTERM comes while products are made at the end of its
# first stage, after one epoch; it goes on, on other threads, to the same end as one that nobody stopped. (The epoch's
# row comes before the products, that of the stage after them.)
interrupted_products() {
  local name=$1 arguments=(mnist --init run0/model.safetensors --data small --batch 20 --fdr2-every 1 --momentum 0.5 --fdr2-products)
  shift
  "$train" "${arguments[@]}" "$@" --out "$name-whole" --quiet >/dev/null 2>err.txt || fail "$name" "$(cat err.txt)"
  "$train" "${arguments[@]}" "$@" --out "$name" --quiet >/dev/null 2>err.txt &
  local process=$!
  await_rows $process "$name/log.csv" 1
  kill -TERM $process
  await $process
  check "$name: SIGTERM ends products with 143" test $? -eq 143
  check "$name: before all are made" test "$(wc -l <"$name/log.csv") $(wc -l <"$name/stages.csv")" = '2 1'
  check "$name: the run is interrupted" grep -q '"status": "interrupted"' "$name/run.json"
  check "$name: with a checkpoint at the end of the epoch" test -f "$name/checkpoints/0000000030/DONE"
  "$train" --resume "$name" --threads 3 --quiet >/dev/null 2>err.txt || fail "$name goes on" "$(cat err.txt)"
  check "$name: the run that goes on is finished" grep -q '"status": "finished"' "$name/run.json"
  same "$name" "$name-whole" "$name" stages.csv fdr2.csv
}
# They take seconds: a signal comes while they are made, also where this shell has to wait for a processor.
products=500
[[ -n ${QUENCH_SANITIZE:-} ]] && products=60
interrupted_products 'products of a stage' $products --stages 0.05:1,0.02:1
# Whose only checkpoint is one within the products.
interrupted_products 'products of the end' $products --schedule constant --epochs 1
"$train" --resume 'products of the end' --quiet >/dev/null 2>err.txt || fail 'once more' "$(cat err.txt)"
same 'products that are made once more' 'products of the end-whole' 'products of the end' stages.csv fdr2.csv

# --- what may change, and what may not ---------------------------------------------------------------------------

refuses() { # CODE MESSAGE ARGUMENT...
  local code=$1 message=$2
  shift 2
  "$train" "$@" --quiet >out.txt 2>err.txt
  check "refused: $*" test $? -eq "$code"
  check "and says so: $message" grep -qF -- "$message" err.txt
}
"$train" mnist --data small --batch 20 --epochs 2 --out base --quiet >/dev/null 2>err.txt || fail 'the base run' "$(cat err.txt)"
cp -R base kept
where=$(ls -d base/checkpoints/*)
check 'a finished run has a checkpoint' test -f "$where/DONE"
refuses 1 "$where has --lr 0.1, this run 0.2" --resume base --lr 0.2
refuses 1 "$where has --model mlp, this run cnn" --resume base --model cnn
refuses 1 "$where has --sampling shuffle, this run iid" --resume base --sampling iid
refuses 1 "$where has --fdr-lagged no, this run yes" --resume base --fdr-lagged
refuses 1 "$where has the data set mnist, this run cifar10" cifar10 --resume base
refuses 1 "$where has data of checksum" --resume base --data other
refuses 2 '--epochs: found 1, expected at least 2' --resume base --epochs 1
refuses 1 'has --stages 0.05:2,0.02:3,0.01:2, this run 0.05:2' --resume stages --stages 0.05:2
"$train" mnist --data small --stages 0.05:2,0.02:1 --out plain --quiet >/dev/null 2>err.txt || fail 'plain stages' "$(cat err.txt)"
refuses 1 'has with --stages, which say how many there are, --epochs 3, this run 5' --resume plain --epochs 5
check 'what holds no run is not touched' test -z "$(mkdir empty && "$train" --resume empty 2>&1 | grep -v 'found no checkpoint'; ls -A empty)"
refuses 1 'found no checkpoint in nowhere/checkpoints' --resume nowhere
cp -R base ahead && sed -n '$p' ahead/log.csv >ahead.csv && cat ahead.csv >>ahead/log.csv && cp ahead/log.csv ahead.csv
refuses 1 'has data of checksum' --resume ahead --data other
refuses 1 'has data of checksum' --resume ahead --data other --out elsewhere
refuses 2 '--epochs: found 1, expected at least 2' --resume ahead --epochs 1
check 'what is refused cuts off no rows' cmp ahead/log.csv ahead.csv
check 'and makes no folder' test ! -e elsewhere
cp -R base unlocked && rm unlocked/.lock
refuses 1 'has --lr 0.1, this run 0.2' --resume unlocked --lr 0.2
check 'nor any other file' test "$(diff -r base unlocked)" = 'Only in base: .lock'
"$train" --resume ahead --quiet >/dev/null 2>err.txt
check 'what goes on cuts off those past the checkpoint' cmp ahead/log.csv base/log.csv
refuses 2 'found no data set' --resume auto
for file in $files log.csv; do check "none of it changed $file" cmp base/$file kept/$file; done
if "$QUENCH_BUILD/signature" --list-isa 2>/dev/null | grep -q avx && [ "$(uname -m)" = x86_64 ]; then
  QUENCH_ISA=baseline "$train" --resume base --epochs 3 --quiet >/dev/null 2>err.txt
  check 'another numeric class is refused' test $? -eq 1
  check 'both are named' grep -qF "$where has the numeric class fma, this run muladd" err.txt
fi
"$train" --resume base --epochs 3 --eval-every 3 --out base-on --quiet >/dev/null 2>err.txt
check 'with another --out a run goes on there' test "$(wc -l <base-on/log.csv)" -eq 4
check 'and the old folder stays as it was' cmp base/log.csv kept/log.csv
"$train" mnist --data small --batch 20 --epochs 2 --seed 7 --out taken --quiet >/dev/null 2>err.txt
refuses 1 'taken/run.json exists already; choose another --out, or --force' --resume base --epochs 3 --out taken
"$train" --resume base --epochs 3 --out taken --force --quiet >/dev/null 2>err.txt
"$train" --resume taken --epochs 4 --quiet >/dev/null 2>err.txt
"$train" mnist --data small --batch 20 --epochs 4 --out four --quiet >/dev/null 2>err.txt
same 'over another run, and on from there' taken four
refuses 1 'is of a run that began with random parameters, those of --init run0/model.safetensors have' --resume base --init run0/model.safetensors --epochs 3
"$train" mnist --data small --batch 20 --epochs 2 --fdr2-every 1 --out second --quiet >/dev/null 2>err.txt
refuses 1 'with --fdr2-every, whose averages depend on them, --epochs 2, this run 3' --resume second --epochs 3
"$train" --resume "$where" --quiet >out.txt 2>err.txt
check 'a checkpoint can be named; nothing is left to do' grep -q '^finished: 2 of 2 epochs' out.txt

# --- checkpoints that are damaged --------------------------------------------------------------------------------

"$train" mnist --data small --batch 20 --epochs 3 --checkpoint-every 1 --out pair --quiet >/dev/null 2>err.txt
check 'the last two checkpoints stay' test "$(ls pair/checkpoints | tr '\n' ' ')" = '0000000060 0000000090 '
cp -R pair broken
printf 'x' | dd of=broken/checkpoints/0000000090/state.safetensors bs=1 seek=5000 conv=notrunc 2>/dev/null
"$train" --resume broken --quiet >/dev/null 2>err.txt
check 'a run goes on from the one before a damaged one' test $? -eq 0
check 'and says which is damaged' grep -q 'warning: broken/checkpoints/0000000090/state.safetensors is damaged' err.txt
same 'from the one before' pair broken
cp -R pair halved && truncate -s 1000 halved/checkpoints/*/model.safetensors
refuses 1 'model.safetensors is damaged' --resume halved
cp -R pair older && sed -i '1s/.*/quench checkpoint 0/' older/checkpoints/*/DONE
refuses 1 'found "quench checkpoint 0", expected "quench checkpoint 2"' --resume older
cp -R pair shorter && truncate -s 100 shorter/log.csv
refuses 1 'shorter/log.csv cannot be cut to the' --resume shorter

rm -r broken && cp -R pair broken && rm broken/checkpoints/0000000090/state.safetensors
"$train" --resume broken --quiet >/dev/null 2>err.txt
check 'a run goes on from the one before an incomplete one' test $? -eq 0
check 'and says what is missing' grep -q 'warning: broken/checkpoints/0000000090/state.safetensors cannot be read' err.txt
same 'from the one before an incomplete one' pair broken

# --- at other places ---------------------------------------------------------------------------------------------

mkdir -p deep/er && cp -R pair deep/er/moved
"$train" --resume deep/er/moved --epochs 4 --quiet >/dev/null 2>err.txt
check 'a run that was moved goes on' test "$(wc -l <deep/er/moved/log.csv)" -eq 5
check 'where it is' test "$(ls | grep -c moved) $(wc -l <pair/log.csv)" = '0 4'
(cd deep/er/moved/checkpoints/0000000120 && exec "$train" --resume . --data "$work/small" --epochs 5 --quiet) >/dev/null 2>err.txt
check 'a checkpoint can be named from within' test "$(wc -l <deep/er/moved/log.csv)" -eq 6
cp -R pair/checkpoints/0000000090 alone
refuses 1 'alone is a checkpoint of step 90 elsewhere than where it was written' --resume alone
ln -s pair/checkpoints/0000000060 latest
refuses 1 'latest is a checkpoint of step 60 elsewhere than where it was written' --resume latest
cp -R pair renamed && mv renamed/checkpoints/0000000090 renamed/checkpoints/0000000075
refuses 1 'renamed/checkpoints/0000000075 is a checkpoint of step 90 elsewhere' --resume renamed/checkpoints/0000000075/
"$train" --resume renamed --quiet >/dev/null 2>err.txt
check 'one of another name is left out' grep -q 'warning: renamed/checkpoints/0000000075 is a checkpoint of step 90' err.txt
same 'and made again' pair renamed
cp -R pair fixed && before=$(cat fixed/*.csv | cksum)
if chattr +i fixed/checkpoints/0000000090/DONE 2>/dev/null; then
  refuses 1 'fixed/checkpoints/0000000090 cannot be removed' --resume fixed/checkpoints/0000000060
  check 'and no rows are cut off' test "$(cat fixed/*.csv | cksum)" = "$before"
  chattr -i fixed/checkpoints/0000000090/DONE
else
  skip 'a later checkpoint that cannot be removed is an error' 'no file can be made immutable here'
fi

# --- by two at once ----------------------------------------------------------------------------------------------

# Enough steps for what follows; killed at its end.
"$train" mnist --data small --batch 20 --epochs 1000000 --checkpoint-every 2 --out busy --quiet >/dev/null 2>busy.txt &
process=$!
await_rows $process busy/log.csv 5
refuses 1 'busy is in use: another process trains there' --resume busy
(cd busy && exec "$train" --resume . --data "$work/small" --quiet) >/dev/null 2>err.txt
check 'also under another name' grep -q '\. is in use: another process trains there' err.txt
refuses 1 'busy is in use: another process trains there' mnist --data small --batch 20 --out busy --resume auto
refuses 1 'busy is in use: another process trains there' mnist --data small --batch 20 --out busy --force
done=$(ls busy/checkpoints | grep -v partial | tail -n 1)
"$train" --resume busy --epochs $((10#$done / 30 + 4)) --out aside --quiet >/dev/null 2>err.txt
check 'elsewhere one can go on from a run that is under way' test $? -eq 0
check 'which trains on' kill -0 $process
kill -TERM $process
kill -TERM $process 2>/dev/null
await $process
check 'two SIGTERM at once end it' test $? -eq 143
done=$(awk -F, 'END { print $1 + 2 }' busy/log.csv)
"$train" --resume busy --epochs "$done" --quiet >/dev/null 2>err.txt || fail 'going on after that' "$(cat err.txt)"
"$train" mnist --data small --batch 20 --epochs "$done" --checkpoint-every 0 --out idle --quiet >/dev/null 2>err.txt
same 'after two SIGTERM' idle busy
head -n "$(wc -l <aside/log.csv)" idle/log.csv >idle.csv
check 'what went on elsewhere is right, too' diff <(repeatable aside/log.csv) <(repeatable idle.csv)

for i in 1 2 3 4; do
  "$train" mnist --data small --batch 20 --epochs 3 --checkpoint-every 1 --out race --resume auto --quiet >/dev/null 2>race$i.txt &
done
wait
check 'of several that begin at once one trains' same_as_pair race
check 'the others are refused or find it finished' test -z "$(cat race?.txt | grep -v 'is in use: another process trains there')"

# --- what a killed one leaves ------------------------------------------------------------------------------------

cp -R pair littered
touch littered/log.csv.17.partial littered/run.json.18.partial littered/model.safetensors.19.partial
touch littered/report.html.20.partial littered/notes.partial
"$train" --resume littered --quiet >/dev/null 2>err.txt
check 'what a killed one was writing is removed, and nothing else' \
  test "$(cd littered && echo *.partial)" = 'notes.partial report.html.20.partial'

# --- automatically -----------------------------------------------------------------------------------------------

auto() { "$train" mnist --data small --batch 20 --epochs 3 --out auto --resume auto --quiet "$@" >/dev/null 2>err.txt; }
auto
check '--resume auto begins when there is nothing yet' test $? -eq 0
same 'begun by auto' auto pair
auto && same 'again' auto pair
rm -r auto/checkpoints
auto
check 'but not over a finished run' grep -q 'auto holds a finished run without checkpoints' err.txt
sed -i 's/"status": "finished"/"status": "running"/' auto/run.json
auto
check 'and begins anew where a run was cut off before its first checkpoint' test $? -eq 0
same 'begun anew' auto pair
rm -r auto/checkpoints auto/run.json auto/model.safetensors
for table in auto/*.csv; do sed -i 1q $table; done
printf 'QSTEPS1\n' >auto/steps.bin
auto
check 'and where it was cut off before it had begun' test $? -eq 0
same 'begun after that' auto pair
rm -r auto/checkpoints
sed -i 's/"status": "finished"/"status": "running"/' auto/run.json
auto --lr 0.2
check 'but not over another run' test $? -eq 1
check 'whose value it names' grep -qF 'auto has --lr 0.1, this run 0.2' err.txt

# --- a disk that is full ------------------------------------------------------------------------------------------

# Files of at most 600 kB: the parameters, 797 kB, do not fit.
(
  ulimit -f 600
  exec "$train" mnist --data small --batch 20 --epochs 3 --checkpoint-every 1 --out full --quiet >/dev/null 2>err.txt
)
check 'parameters that cannot be written at the end are an error' test $? -eq 1
check 'a checkpoint that cannot is a warning' grep -q 'warning: no checkpoint: full/checkpoints/.*/model.safetensors cannot be written: File too large; training goes on' err.txt
check 'said once' test "$(grep -c 'no checkpoint' err.txt)" -eq 1
check 'training goes on' test "$(wc -l <full/log.csv)" -eq 4
check 'nothing is left of it' test -z "$(ls full/checkpoints)"
cp -R pair grows && before=$(ls grows/checkpoints | tail -n 1)
(
  ulimit -f 600
  exec "$train" --resume grows --epochs 5 --checkpoint-every 1 --quiet >/dev/null 2>err.txt
)
check 'the last good one stays' test "$(ls grows/checkpoints | tail -n 1)" = "$before"
"$train" --resume grows --epochs 5 --quiet >/dev/null 2>err.txt
check 'and a run goes on from it when there is room' test $? -eq 0
check 'with every row' test "$(wc -l <grows/log.csv)" -eq 6

refuses 2 '--checkpoint-every: found "5m"' mnist --data small --checkpoint-every 5m
refuses 2 '--stages: found "0.1"' mnist --data small --stages 0.1
refuses 2 '--stages: found "0.1:0"' mnist --data small --stages 0.05:1,0.1:0
refuses 2 '--lr: found with --stages' mnist --data small --stages 0.1:1 --lr 0.1
refuses 2 '--fdr2-half: found without --fdr2-every' mnist --data small --fdr2-half
refuses 2 '--fdr2-every: found with --schedule fdr' mnist --data small --fdr2-every 1 --schedule fdr
refuses 1 'nothing.safetensors cannot be read' mnist --data small --init nothing.safetensors --out init

finish
