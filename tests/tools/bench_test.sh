#!/usr/bin/env bash
# The benchmark program: it names what it measures, measures what it is asked for, says so in JSON, and refuses the rest.
set -u
cd "$(dirname "$0")/../.." || exit 1
bench=$PWD/${QUENCH_BUILD:?}/bench
case $QUENCH_BUILD in /*) bench=$QUENCH_BUILD/bench ;; esac
source tests/train/checks.sh

# is_json FILE: strings become s and other values v, then arrays and objects of these become v, until v is all.
is_json() {
  awk '
    { text = text $0 "\n" }
    END {
      gsub(/"([^"\\]|\\.)*"/, "s", text)
      gsub(/-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|true|false|null/, "v", text)
      gsub(/[ \n]/, "", text)
      do {
        before = text
        gsub(/\[([sv](,[sv])*)?\]/, "v", text)
        gsub(/\{(s:[sv](,s:[sv])*)?\}/, "v", text)
      } while (text != before)
      exit text != "v"
    }' "$1"
}

# values KEY FILE: NAME=VALUE for each result that has the key, blanks in names as underscores.
values() {
  awk -v key="\"$1\":" '
    $1 == "\"name\":" { name = $0; gsub(/^[^:]*: "|",?$/, "", name); gsub(/ /, "_", name) }
    $1 == key && name != "" { value = $0; gsub(/^[^:]*: "?|"?,?$/, "", value); print name "=" value }' "$2"
}

# all CONDITION KEY FILE: whether there are such values, and all meet the condition on x.
all() {
  values "$2" "$3" | awk -F= "{ x = \$2 + 0; if (!($1)) { print; bad = 1 } } END { exit bad || NR == 0 }"
}

# The warning that the machine is not quiet says nothing about the program.
quietly() { grep -v '^bench: warning: the machine is not quiet: ' "$@"; }

# measures NAME ARGUMENT...: a quick run with --json result.json that succeeds and says nothing on standard error.
measures() {
  local name=$1
  shift
  rm -f result.json
  if "$bench" --quick --json result.json "$@" >out.txt 2>err.txt && ! quietly err.txt >warnings.txt; then
    ok "$name"
  else
    fail "$name" "exit code $?; $(cat err.txt out.txt)"
  fi
}

# refuses CODE MESSAGE ARGUMENT...: one line on standard error that holds MESSAGE, no output.
refuses() {
  local code=$1 message=$2 found
  shift 2
  "$bench" "$@" >out.txt 2>err.txt
  found=$?
  if [ "$found" -eq "$code" ] && [ ! -s out.txt ] && [ "$(wc -l <err.txt)" -eq 1 ] &&
    grep -qF -- "bench: $message" err.txt; then
    ok "refuses $*"
  else
    fail "refuses $*" "exit code $found, expected $code and \"$message\"; $(cat err.txt out.txt)"
  fi
}

# --- names ------------------------------------------------------------------------------------------------------

"$bench" --list >list.txt 2>&1
for name in 'peak portable' 'read L1' 'gemm sq 64x64x64' 'gemm fwd NT 100x200x784' 'gemm form TT 256x256x256' \
  'cnn conv2' 'conv 3x3/2+1 17>17 33x33 N100 relu' 'mlp fc1' 'step sgd' 'step momentum two calls' 'split momentum' 'step cnn' \
  'split cnn' 'latency cnn 1 image' 'latency cnn 15 images' \
  'kernel gather lanes 100x784' 'evaluate' 'epoch' 'pool empty chunks'; do
  check "--list names $name" grep -qxF "$name" list.txt
done
check 'no name is there twice' test -z "$(sort list.txt | uniq -d)"
check '--filter chooses among them' \
  test "$("$bench" --list --filter 'sq 64' --filter 'peak port')" = "$(printf 'peak portable\ngemm sq 64x64x64')"
"$bench" --help >help.txt
for option in --filter --threads --data --json --quick --list --help; do
  check "--help explains $option" grep -qE "^  $option " help.txt
done

# --- measurements -----------------------------------------------------------------------------------------------

measures 'peaks and products are measured' --filter peak --filter 'gemm sq 64' --filter 'gemm dX'
check 'the file is JSON' is_json result.json
for key in machine compiler date isa; do
  check "it tells the $key" grep -q "^  \"$key\": \"..*\"" result.json
done
check 'all peaks are positive' all 'x > 0' median result.json
check 'there is one for the kernels in use' grep -q "\"peak $(sed -n 's/.*"isa": "\(.*\)",/\1/p' result.json)\"" result.json
check 'nothing else was measured' test -z "$(values median result.json | grep -vE '^(peak_|gemm_sq_64|gemm_dX)')"
check 'the table has a row for each' \
  test "$(grep -cE '^(peak|gemm) ' out.txt)" -eq "$(grep -c '"name"' result.json)"
check 'its lines have at most 116 columns' awk 'length > 116 { print; bad = 1 } END { exit bad }' out.txt

# Somebody else's work on this processor may fall into the samples of one and not into those of the other.
not_above_peak() {
  for _ in 1 2 3; do
    "$bench" --quick --json result.json --threads 1 --filter 'sq 128' --filter 'gemm dX' >out.txt 2>&1 || break
    all 'x > 0 && x <= 1.05' share_of_peak result.json && return 0
  done
  cat out.txt
  return 1
}
check 'no product is faster than the peak' not_above_peak

measures 'convolutions are measured' --filter 'cnn conv3' --filter 'N8 relu' --threads 1
check 'those of the CNN and others, each pass by itself' \
  test "$(for p in forward input_gradient weight_gradient bias_gradient; do
    values median result.json | grep -cE "^(cnn_conv3|conv_.*_relu)_$p="; done | sort | uniq -c | tr -s ' ')" = ' 4 2'
check 'and two in the one call that a step makes' grep -q '"name": "cnn conv3 weight + bias gradient"' result.json
check 'their taps beyond the image are told apart' \
  test "$(values flops_inside result.json | sed -n 's/^cnn_conv3_forward=//p')" = 92480000
check 'with shares of the peak' all 'x > 0' share_of_peak_inside result.json
check 'and the lines are as wide as any' awk 'length > 116 { print; bad = 1 } END { exit bad }' out.txt

make_mnist data 300 50
measures 'the step of the MLP is measured on files of images' \
  --filter 'step sgd' --filter 'split sgd' --threads 2 --data data
check 'it tells that they are not generated' grep -q '"data": "mnist from data/mnist, 300 to train, 50 to test"' result.json
check 'whole' grep -q '"name": "step sgd"' result.json
check 'and in parts' test "$(values share_of_step result.json | wc -l)" -gt 10
check 'of which none is missing' \
  test "$(for p in gather fc1_forward fc1_weight_gradient_+_update fc2_input_gradient loss_forward loss_backward \
    update_of_the_rest; do
    values share_of_step result.json | grep -c "^split_sgd_$p="; done | sort | uniq -c | tr -s ' ')" = ' 7 1'
check 'and the step of two calls' grep -q '"name": "step sgd two calls"' result.json
check 'with the threads asked for' test -z "$(values threads result.json | grep -v '=2$')"

measures "the operations of the MLP's layers are measured" --filter 'mlp fc' --threads 1 --data data
check 'all of them' \
  test "$(values flops result.json | grep -cE '^mlp_fc[123]_(forward|(weight|input)_gradient|weight_pieces)_')" -eq 11

make_cifar10 data 300 50
measures 'the step of the CNN is measured on files of images' \
  --filter 'step cnn' --filter 'split cnn' --filter 'latency cnn 4' --threads 2 --data data
check 'it tells which' \
  grep -q '"data": "cifar10 from data/cifar-10-batches-bin, 300 to train, 50 to test"' result.json
check 'its operations are those of all convolutions and the last layer' \
  test "$(values flops result.json | grep -E '^(step_cnn|split_cnn_whole)=' | cut -d= -f2 | uniq)" = 2106240000
check 'as many as its parts have together' \
  test "$(values flops result.json | awk -F= '/^split_cnn/ && !/whole/ { sum += $2 } END { printf "%.0f", sum }')" = 2106240000
check 'of these none is missing' \
  test "$(for p in gather conv1_forward conv1_weight_+_bias_gradient conv2_input_gradient fc1_weight_gradient_+_update \
    loss_backward update_of_the_rest; do
    values share_of_step result.json | grep -c "^split_cnn_$p="; done | sort | uniq -c | tr -s ' ')" = ' 7 1'
check 'images by the number are classified by one thread' \
  test "$(values threads result.json | grep '^latency')" = latency_cnn_4_images=1
check 'each at a quarter of the time' test "$(values images result.json)" = latency_cnn_4_images=4

# Medians of parts add up to that of the whole where nothing else runs.
parts_add_up() {
  for _ in 1 2 3; do
    "$bench" --quick --json result.json --threads 1 --filter 'split sgd' --data data >out.txt 2>&1 || break
    values share_of_step result.json | grep -v whole |
      awk -F= '{ sum += $2 } END { print sum; exit !(sum > 0.7 && sum < 1.15) }' && return 0
  done
  cat out.txt
  return 1
}
check 'the parts make up most of the whole' parts_add_up

check 'a hand-off to another thread is not measured with one' \
  grep -qx 'thread pool.*: not measured, as a hand-off needs two threads' \
  <("$bench" --quick --filter pool --threads 1 2>&1)
check '--json - prints nothing but JSON' \
  is_json <("$bench" --quick --filter 'peak portable' --threads 1 --json - 2>&1 | quietly)
check 'QUENCH_ISA chooses the kernels' \
  grep -q '^  kernels  *portable ' <(QUENCH_ISA=portable "$bench" --quick --filter 'peak portable' --threads 1)

# --- refusals ---------------------------------------------------------------------------------------------------

refuses 2 'unknown option --fast; --help lists all' --fast
refuses 2 'found "gemm", expected an option' gemm
refuses 2 '--quick: found the value "1", expected none' --quick=1
refuses 2 '--filter: found nothing, expected' --filter
refuses 2 '--filter: found "nonesuch", expected' --filter nonesuch
refuses 2 '--threads: found "0", expected' --threads 0
refuses 2 '--threads: found "1,", expected' --threads 1,
refuses 2 '--json: found "", expected' --json=
refuses 1 'cannot write nowhere/result.json: No such file or directory' --filter peak --json nowhere/result.json
QUENCH_ISA=abacus refuses 1 "QUENCH_ISA is 'abacus'" --filter peak
check '--data must hold images' grep -q 'bench: nowhere/mnist/.*missing' \
  <("$bench" --quick --filter 'step sgd' --threads 1 --data nowhere 2>&1 >/dev/null)
finish
