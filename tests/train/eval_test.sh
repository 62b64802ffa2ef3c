#!/usr/bin/env bash
# model.safetensors of a run, ./train eval and ./train predict: what they print, and what they refuse.
set -u
. "$(dirname "$0")/checks.sh"
export LC_ALL=C

make_mnist small
make_cifar10 small 60 20

# trained DATASET FOLDER OPTION...: a short run that must succeed.
trained() {
  local dataset=$1 folder=$2
  shift 2
  "$train" "$dataset" --data small --batch 20 --epochs 2 --quiet --out "$folder" "$@" >out.txt 2>err.txt ||
    fail "the run $folder" "$(cat err.txt)"
}

# evaluated FILE OPTION...: eval that must succeed, its results in out.txt.
evaluated() {
  "$train" eval "$@" --data small >out.txt 2>err.txt || fail "eval $*" "$(cat err.txt)"
}

# number FOLDER KEY: from run.json.
number() { sed -n "s/^ *\"$2\": \([0-9.e+-]*\),*$/\1/p" "$1/run.json"; }

# renamed FROM TO OLD NEW: a copy of the file with a text of its header replaced by one as long.
renamed() {
  sed "s/$3/$4/" "$1" >"$2"
  ! cmp -s "$1" "$2" && [ "$(wc -c <"$1")" -eq "$(wc -c <"$2")" ]
}

# --- eval -----------------------------------------------------------------------------------------------------------

trained mnist m
check 'a run writes model.safetensors' test -s m/model.safetensors
for item in '"format":"pt"' '"dataset":"mnist"' '"images":"real"' '"model":"mlp"' '"classes":"10"' '"seed":"1"' \
  '"epochs":"2"' '"step":"30"' '"normalization_scale":"[0-9.]*"' '"normalization_shift":"-[0-9.]*"'; do
  check "with $item" grep -aq "$item" m/model.safetensors
done
evaluated m/model.safetensors
cp out.txt mnist.txt
check 'eval says what the file is of' grep -q '^m/model.safetensors: mlp for mnist, 199,210 parameters, after 2 epochs, seed 1$' out.txt
check 'and on which images' grep -q '^evaluated on the images in small/mnist$' out.txt
check 'the cross-entropies and accuracies are those of the run' test \
  "$(awk '/^  t[a-z]* set/ { print $3, $4, $5, $7 }' out.txt)" = "$(
    awk -v f="$(number m cross_entropy)" -v a="$(number m train_accuracy)" -v tf="$(number m test_cross_entropy)" -v ta="$(number m test_accuracy)" \
      'BEGIN { printf "300 %.6f %.4f %.4f\n50 %.6f %.4f %.4f\n", f, a, sqrt(a * (1 - a) / 300), tf, ta, sqrt(ta * (1 - ta) / 50) }')"
check 'a row for each class sums to its images, the diagonal is its accuracy' awk -v accuracy="$(number m test_accuracy)" '
  /^  [0-9] / {
    n = 0
    for (i = NF - 9; i <= NF; ++i) n += $i
    right = $(NF - 9 + $1)
    if (n != $2 || sprintf("%.4f", right / n) != $3 || $1 != rows) exit bad = 1
    ++rows; images += n; hits += right
  }
  END { d = hits - 50 * accuracy; exit bad || rows != 10 || images != 50 || d * d > 1e-9 }' out.txt
for options in 'mnist' '--model mlp' '--threads 1' '--threads=3 mnist'; do
  evaluated m/model.safetensors $options
  check "the same with $options" cmp out.txt mnist.txt
done

trained cifar10 c --model cnn
evaluated c/model.safetensors
check 'classes of CIFAR-10 have names' grep -Eq '^  9 truck +2 ' out.txt
check 'and its network is the CNN' grep -q '^c/model.safetensors: cnn for cifar10, 22,' out.txt
trained mnist mc --model cnn
trained cifar10 cm --model mlp
for pair in 'm mlp mnist' 'c cnn cifar10' 'mc cnn mnist' 'cm mlp cifar10'; do
  set -- $pair
  evaluated "$1/model.safetensors"
  sed 1d out.txt >known.txt
  sed 's/"dataset"/"DATASET"/; s/"model"/"MODEL"/' "$1/model.safetensors" >unknown.safetensors
  evaluated unknown.safetensors
  check "by its tensors a file is recognised as $2 for $3" grep -q ": $2 for $3, " out.txt
  sed 1d out.txt >recognised.txt
  check 'with the same results' cmp known.txt recognised.txt
done

# --- a run that ends otherwise --------------------------------------------------------------------------------------

"$train" mnist --data small --epochs 1000000000 --out stopped >out.txt 2>err.txt &
process=$!
await_rows $process stopped/log.csv 2
kill -INT $process
await $process
evaluated stopped/model.safetensors
check 'an interrupted run leaves its parameters' grep -Eq ', after [0-9]+ epochs, seed 1$' out.txt
"$train" mnist --data small --lr 1e30 --epochs 3 --force --out stopped >out.txt 2>err.txt
check 'one that fails leaves none, and none of the run that it replaced' test $? -eq 1 -a ! -e stopped/model.safetensors
mkdir -p blocked/model.safetensors/inside
"$train" mnist --data small --epochs 1 --out blocked >out.txt 2>err.txt
check 'a file that cannot be written makes the run fail' test $? -eq 1
check 'and is named' grep -q '^train: cannot write blocked/model.safetensors: ' err.txt
check 'the rest is written' grep -q '"status": "finished"' blocked/run.json
check 'the report too' test -s blocked/report.html

# --- predict --------------------------------------------------------------------------------------------------------

# mnist_image NUMBER: the bytes of a test image.
mnist_image() { tail -c +$((17 + 784 * $1)) small/mnist/t10k-images-idx3-ubyte | head -c 784; }
for i in $(seq 0 19); do { printf 'P5\n# image %d\n28 28\n255\n' "$i" && mnist_image "$i"; } >"$i.pgm"; done
{ echo P2 28 28 255 && mnist_image 0 | od -An -v -tu1; } >digits.pgm
"$train" predict m/model.safetensors 0.pgm >out.txt 2>err.txt
check 'predict prints a picture and its class' test $? -eq 0 -a "$(head -n 1 out.txt)" = "0.pgm: $(awk 'NR == 2 { print $2 }' out.txt)"
check 'then the probabilities of all classes, sorted, which sum to 1' awk '
  NR > 1 { sum += $1; if (NR > 2 && $1 > last) exit bad = 1; last = $1; seen[$2] = 1 }
  END { n = 0; for (c = 0; c < 10; ++c) n += seen[c]; exit bad || NR != 11 || n != 10 || sum < 0.99999 || sum > 1.00001 }' out.txt
"$train" predict m/model.safetensors digits.pgm >digits.txt 2>err.txt
check 'a picture in digits is the same picture' cmp <(tail -n +2 out.txt) <(tail -n +2 digits.txt)
"$train" predict m/model.safetensors {0..19}.pgm --threads 2 >many.txt 2>err.txt
for i in {0..19}; do "$train" predict m/model.safetensors "$i.pgm" --threads=1; done >one_by_one.txt 2>err.txt
check 'many pictures give what each gives alone' cmp many.txt one_by_one.txt
check 'each of them' test "$(grep -c '^[0-9]*.pgm: [0-9]$' many.txt)" -eq 20
sed 's/"normalization/"Normalization/g' m/model.safetensors >plain.safetensors
"$train" predict plain.safetensors 0.pgm >plain.txt 2>err.txt
check 'a file without a normalization is used with that of MNIST' test $? -eq 0 -a "$(wc -l <plain.txt)" -eq 11
check 'which is not that of these images' test "$(cmp -s out.txt plain.txt || echo another)" = another

{ printf 'P6 32 32 255\n' && tail -c +2 small/cifar-10-batches-bin/test_batch.bin | head -c 3072; } >c.ppm
"$train" predict c/model.safetensors c.ppm >out.txt 2>err.txt
check 'a colour picture gets the names of CIFAR-10' grep -Eq '^c.ppm: (airplane|automobile|bird|cat|deer|dog|frog|horse|ship|truck)$' out.txt
check 'all ten' test "$(awk 'NR > 1 { print $2 }' out.txt | sort | tr '\n' ' ')" = 'airplane automobile bird cat deer dog frog horse ship truck '
sed 's/"dataset"/"DATASET"/; s/"model"/"MODEL"/' c/model.safetensors >unknown.safetensors
"$train" predict unknown.safetensors c.ppm --dataset cifar10 --model cnn >named.txt 2>err.txt
check 'data set and network may be named' cmp out.txt named.txt

# --- what is refused ------------------------------------------------------------------------------------------------

refuses 2 'eval: found no file, expected a model in safetensors' eval
refuses 2 'unknown data set "imagenet", expected mnist or cifar10' eval m/model.safetensors imagenet
refuses 2 'eval: found "extra" after the data set' eval m/model.safetensors mnist extra
refuses 2 '--model: found "rnn", expected mlp or cnn' eval m/model.safetensors --model rnn
refuses 2 '--threads: found "0", expected a whole number from 1 to 1024' eval m/model.safetensors --threads 0
refuses 2 'unknown option --epochs' eval m/model.safetensors --epochs 3
refuses 2 'predict: found no file' predict
refuses 2 'predict: found no picture after m/model.safetensors, expected PGM or PPM' predict m/model.safetensors
refuses 2 'unknown data set "imagenet"' predict m/model.safetensors 0.pgm --dataset imagenet
refuses 1 'gone.safetensors cannot be read: there is none' eval gone.safetensors
refuses 1 'm cannot be read: it is no regular file' eval m
refuses 1 'm/run.json claims a header of ' eval m/run.json
refuses 1 'm/model.safetensors: tensor "fc1.weight" has the shape [200, 784], expected [200, 3072]' eval m/model.safetensors cifar10 --model mlp --data small
refuses 1 'm/model.safetensors: tensor "fc2.weight" is none of the model'"'"'s, expected conv1.weight' eval m/model.safetensors --model cnn --data small
head -c 5000 m/model.safetensors >cut.safetensors
refuses 1 'cut.safetensors: tensor "fc1.weight": data_offsets are 0 and 627200, expected' eval cut.safetensors
check 'a file of another network' renamed m/model.safetensors other.safetensors '"fc1.weight"' '"gc1.weight"'
refuses 1 'other.safetensors: tensor "gc1.weight" is none of the model' eval other.safetensors --data small
sed 's/"gc1.weight"/"hc1.weight"/; s/"dataset"/"DATASET"/' other.safetensors >unknown.safetensors
refuses 1 'unknown.safetensors: its tensors are "hc1.weight" [200, 784], "fc1.bias" [200], "fc2.weight" [200, 200], "fc2.bias" [200], ..., expected those of mlp for mnist or cifar10; with both named, what does not fit is said' eval unknown.safetensors
refuses 1 'unknown.safetensors: tensor "hc1.weight" is none of the model' eval unknown.safetensors mnist --model mlp
check 'a file of another data set' renamed m/model.safetensors other.safetensors '"dataset":"mnist"' '"dataset":"tsinm"'
refuses 1 'other.safetensors: the metadata say dataset "tsinm", expected mnist or cifar10; ' eval other.safetensors
evaluated other.safetensors mnist
check 'evaluates with its data set named' cmp <(sed 1d out.txt) <(sed 1d mnist.txt)
sed 's/"normalization_shift":"-/"normalization_shift":"x/' m/model.safetensors >other.safetensors
refuses 1 'other.safetensors: the metadata have "x' predict other.safetensors 0.pgm
sed 's/"normalization_scale"/"Normalization_scale"/' m/model.safetensors >other.safetensors
refuses 1 'other.safetensors: the metadata have nothing for normalization_scale, expected a finite number' predict other.safetensors 0.pgm
refuses 1 'gone.pgm cannot be read: there is none' predict m/model.safetensors 0.pgm gone.pgm
refuses 1 'c.ppm is in colour (PPM), 32 x 32, expected grey (PGM), 28 x 28, as the images of mnist are' predict m/model.safetensors c.ppm
refuses 1 '0.pgm is grey (PGM), 28 x 28, expected in colour (PPM), 32 x 32, as the images of cifar10 are' predict c/model.safetensors 0.pgm
printf 'P2 2 1 255 1 2' >two.pgm
refuses 1 'two.pgm is grey (PGM), 2 x 1, expected grey (PGM), 28 x 28' predict m/model.safetensors two.pgm
head -c 500 0.pgm >cut.pgm
refuses 1 'cut.pgm ends too soon, expected 784 samples of a picture of 28 x 28' predict m/model.safetensors 0.pgm cut.pgm
refuses 1 'small/mnist/t10k-labels-idx1-ubyte begins with ' predict m/model.safetensors small/mnist/t10k-labels-idx1-ubyte
for command in eval predict; do
  "$train" $command --help >out.txt 2>err.txt
  check "$command --help" grep -q "^usage: ./train $command MODEL.safetensors " out.txt
  "$train" $command m/model.safetensors $([ $command = eval ] && echo '--data small' || echo 0.pgm) >/dev/full 2>err.txt
  check "$command says when its results are lost" grep -q '^train: standard output cannot be written: ' err.txt
done

finish
