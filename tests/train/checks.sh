# Shared by the shell tests of ./train: a scratch folder and small look-alikes of the data sets, beside tests/checks.sh.
# QUENCH_TRAIN names the program to test.

: "${QUENCH_TRAIN:?expected the path of the program to test}"
case $QUENCH_TRAIN in
  /*) train=$QUENCH_TRAIN ;;
  *) train=$PWD/$QUENCH_TRAIN ;;
esac

source "$(dirname "${BASH_SOURCE[0]}")/../checks.sh"
work=$(mktemp -d) || exit 1
# A child that is ended before it has become another program still has this trap.
trap '[[ $BASHPID != $$ ]] || rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work" || exit 1
unset QUENCH_ISA

# repeatable FILE: the log without the columns that tell times.
repeatable() {
  awk -F, 'NR == 1 { for (i = 1; i <= NF; ++i) keep[i] = $i != "seconds" && $i !~ /_(seconds|per_second)$/ }
           { line = ""; for (i = 1; i <= NF; ++i) if (keep[i]) line = line $i ","; print line }' "$1"
}

# refuses CODE MESSAGE WORD...: the command ends with that code, one line of error that has the message, nothing else.
refuses() {
  local code=$1 message=$2 status
  shift 2
  "$train" "$@" >refused.out 2>refused.err
  status=$?
  check "refused: $*: $message" test "$status" -eq "$code" -a "$(wc -l <refused.err)" -eq 1 -a ! -s refused.out
  check "and says so: $message" grep -qF -- "$message" refused.err
}

# await PROCESS: waits for a child of this shell and returns its exit status; 137 when patience was not enough and it
# had to be killed.
await() {
  await_that "$1" false
  kill -9 "$1" 2>/dev/null
  wait "$1" 2>/dev/null
}

# await_rows PROCESS FILE COUNT: waits until the log that the process writes has so many rows below its header.
await_rows() { await_that "$1" has_rows "$2" "$3"; }
has_rows() { [ -f "$1" ] && [ "$(wc -l <"$1")" -gt "$2" ]; }

# be32 N: four bytes, the highest first.
be32() {
  for shift_by in 24 16 8 0; do
    printf "\\$(printf '%03o' $((($1 >> shift_by) & 255)))"
  done
}

# idx_images FILE COUNT [BYTES]: an image file for COUNT images 28x28 (of that many bytes of pixels, if given).
idx_images() {
  {
    be32 2051
    be32 "$2"
    be32 28
    be32 28
    yes 'Any text will do for pixels, as long as its period has no factor in common with 784: hence this one' |
      head -c "${3:-$(($2 * 784))}"
  } >"$1"
}

# idx_labels FILE COUNT: a label file, all ten classes in turn.
idx_labels() {
  {
    be32 2049
    be32 "$2"
    awk -v n="$2" 'BEGIN { for (i = 0; i < n; ++i) printf "%d", (i * 7) % 10 }' | tr '0123456789' '\000\001\002\003\004\005\006\007\010\011'
  } >"$1"
}

# cifar10_file FILE COUNT [FIRST]: so many records, all ten classes in turn from the class FIRST on.
cifar10_file() {
  for ((i = ${3:-0}; i < ${3:-0} + $2; ++i)); do
    printf "\\$(printf '%03o' $((i % 10)))"
    yes "Any text of class $((i % 10)) will do for the pixels of a record, number $i" | head -c 3072
  done >"$1"
}

# make_cifar10 DIR [TRAIN TEST]: DIR/cifar-10-batches-bin with so many images, those to train in two files.
make_cifar10() {
  local folder=$1/cifar-10-batches-bin half=$((${2:-60} / 2))
  mkdir -p "$folder"
  cifar10_file "$folder/data_batch_1.bin" "$half"
  cifar10_file "$folder/data_batch_2.bin" $((${2:-60} - half)) "$half"
  cifar10_file "$folder/test_batch.bin" "${3:-20}"
}

# make_mnist DIR [TRAIN TEST]: DIR/mnist with so many images.
make_mnist() {
  mkdir -p "$1/mnist"
  idx_images "$1/mnist/train-images-idx3-ubyte" "${2:-300}"
  idx_labels "$1/mnist/train-labels-idx1-ubyte" "${2:-300}"
  idx_images "$1/mnist/t10k-images-idx3-ubyte" "${3:-50}"
  idx_labels "$1/mnist/t10k-labels-idx1-ubyte" "${3:-50}"
}
