#!/usr/bin/env bash
# Tests tools/get-data against small stand-ins for the data sets, without network.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
source "$root/tests/checks.sh"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/quench-get-data.XXXXXX") || exit 1
server=
cleanup() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null; fi
  rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# get STATUS ARGUMENT...: whether get-data exits with STATUS; its output is in $scratch/output.
get() {
  wanted=$1
  shift
  status=0
  QUENCH_MIRRORS=${mirrors-} "$tool" "$@" >"$scratch/output" 2>&1 || status=$?
  [ "$status" -eq "$wanted" ]
}
says() { grep -F -q -e "$1" "$scratch/output"; }
same() { cmp "$mirror/$1" "$2"; }
absent() { [ ! -e "$1" ]; }
installed() { # DIR: the stand-in for MNIST is there whole, and nothing is left beside it
  for name in $names; do same "$name" "$1/mnist/$name" || return 1; done
  absent "$1/.get-data"
}

# The tool beside a table of its own, a mirror with small files, and one whose files are damaged.
names="train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte"
mkdir -p "$scratch/tools" "$scratch/good mirror" "$scratch/damaged" "$scratch/unpacks-wrong"
tool=$scratch/tools/get-data
cp "$root/tools/get-data" "$tool"
table=$scratch/tools/get-data.sums
mirror="$scratch/good mirror"
md5() { md5sum <"$1" | cut -c 1-32; }
sha256() { sha256sum <"$1" | cut -c 1-64; }
for name in $names; do
  awk -v name="$name" 'BEGIN { for (i = 0; i < 3000; ++i) print name, i * i % 7919 }' >"$mirror/$name"
  gzip -c "$mirror/$name" >"$mirror/$name.gz"
  printf 'mnist %s %s\n' "$name.gz" "$(md5 "$mirror/$name.gz")" "$name" "$(sha256 "$mirror/$name")" >>"$table"
  { head -c 200 "$mirror/$name.gz"; echo damage; } >"$scratch/damaged/$name.gz"
done
mkdir "$scratch/cifar-10-batches-bin"
for name in data_batch_1.bin test_batch.bin; do
  printf 'records of %s' "$name" >"$scratch/cifar-10-batches-bin/$name"
done
(cd "$scratch" && tar -cf - cifar-10-batches-bin) | gzip -c >"$mirror/cifar-10-binary.tar.gz"
{
  echo "cifar10 cifar-10-binary.tar.gz $(md5 "$mirror/cifar-10-binary.tar.gz")"
  echo "cifar10 data_batch_1.bin $(sha256 "$scratch/cifar-10-batches-bin/data_batch_1.bin")"
  echo "cifar10 test_batch.bin $(md5 "$scratch/cifar-10-batches-bin/test_batch.bin")"
} >>"$table"
# curl wants the space of the folder's name escaped.
good=file://$scratch/good%20mirror/
damaged=file://$scratch/damaged
nowhere=file://$scratch/nowhere

check "--help explains the command" get 0 --help
check "--help names the environment variable" says QUENCH_MIRRORS
check "a missing data set is wrong usage" get 2
check "an unknown data set is wrong usage" get 2 imagenet
check "an unknown data set is named" says "unknown data set imagenet, expected mnist or cifar10"
check "an unknown option is wrong usage" get 2 mnist --fast
check "too many arguments are wrong usage" get 2 mnist data more

mirrors=$good
dir="$scratch/with space/data"
check "mnist is downloaded" get 0 mnist "$dir"
check "mnist is installed whole" installed "$dir"

mirrors=$nowhere
check "a set that is there needs no network" get 0 mnist "$dir"
check "a set that is there is said to be there" says "is there and whole"

rm "$dir/mnist/t10k-labels-idx1-ubyte"
echo damage >>"$dir/mnist/train-labels-idx1-ubyte"
echo mine >"$dir/mnist/notes"
check "a damaged set without network is a failure" get 1 mnist "$dir"
mirrors=$good
check "a damaged set is repaired" get 0 mnist "$dir"
check "a repaired set is whole" installed "$dir"
check "repairing leaves other files alone" grep -q mine "$dir/mnist/notes"

mirrors="$nowhere $damaged"
dir=$scratch/failing
check "mirrors that are down or damaged are a failure" get 1 mnist "$dir"
check "a mirror that is down is named" says "$nowhere/train-images-idx3-ubyte.gz (curl's exit status is 37)"
check "a damaged download is named with its checksum" says "$damaged/train-images-idx3-ubyte.gz (damaged: it has MD5 "
check "a damaged download is not installed" absent "$dir/mnist"
mirrors="$nowhere $damaged $good"
check "the next mirror is tried" get 0 mnist "$dir"
check "the set of the next mirror is whole" installed "$dir"

# The second file is damaged: the first is kept, and nothing is installed.
mkdir "$scratch/half"
cp "$mirror/train-images-idx3-ubyte.gz" "$scratch/half"
mirrors=file://$scratch/half
dir=$scratch/interrupted
check "a set that is half there is a failure" get 1 mnist "$dir"
check "half a set is not installed" absent "$dir/mnist"
mirrors=$good
check "the next call continues" get 0 mnist "$dir"
check "what was downloaded before is not downloaded again" sh -c "! grep -q train-images '$scratch/output'"
check "the continued set is whole" installed "$dir"

# Only a download that continues can be right here: the mirror's first 1000 bytes are not.
mkdir "$scratch/tail"
cp "$mirror"/*.gz "$scratch/tail"
{
  head -c 1000 /dev/zero
  tail -c +1001 "$mirror/train-images-idx3-ubyte.gz"
} >"$scratch/tail/train-images-idx3-ubyte.gz"
mirrors=file://$scratch/tail
mkdir -p "$scratch/continued/.get-data/mnist"
head -c 1000 "$mirror/train-images-idx3-ubyte.gz" >"$scratch/continued/.get-data/mnist/train-images-idx3-ubyte.gz"
check "a download that was interrupted is continued" get 0 mnist "$scratch/continued"
check "a continued download is whole" installed "$scratch/continued"

mirrors=$good
for beginning in wrong long; do
  dir=$scratch/resume-$beginning
  mkdir -p "$dir/.get-data/mnist"
  part=$dir/.get-data/mnist/train-images-idx3-ubyte.gz
  case $beginning in
    wrong) head -c 1000 "$mirror/train-labels-idx1-ubyte" >"$part" ;;
    long) cat "$mirror/train-images-idx3-ubyte" "$mirror/train-images-idx3-ubyte" >"$part" ;;
  esac
  check "a download with a $beginning beginning is completed" get 0 mnist "$dir"
  check "a download with a $beginning beginning is whole" installed "$dir"
  check "a $beginning beginning is thrown away" says "starting again"
done

# Archives that match their checksums but hold something else.
sed 's/^\(mnist t10k-labels-idx1-ubyte \).*/\10000000000000000000000000000000000000000000000000000000000000000/' "$table" \
  >"$scratch/sums"
cp "$table" "$scratch/sums.right"
cp "$scratch/sums" "$table"
check "unpacked files are verified too" get 1 mnist "$scratch/unpacked"
check "a wrong unpacked file is named" says "the archive's t10k-labels-idx1-ubyte has SHA-256 "
check "wrong unpacked files are not installed" absent "$scratch/unpacked/mnist"
cp "$scratch/sums.right" "$table"

echo file >"$scratch/file"
check "a folder that cannot be made is a failure" get 1 mnist "$scratch/file/data"
check "a folder that cannot be made is named" says "cannot write to $scratch/file/data"
mkdir "$scratch/occupied"
echo file >"$scratch/occupied/mnist"
check "a file in the set's place is a failure" get 1 mnist "$scratch/occupied"
check "a file in the set's place is named" says "$scratch/occupied/mnist is not a folder"

dir=$scratch/cifar
check "cifar10 is downloaded" get 0 cifar10 "$dir"
check "cifar10 is unpacked" cmp "$scratch/cifar-10-batches-bin/test_batch.bin" \
  "$dir/cifar-10-batches-bin/test_batch.bin"
check "nothing is left beside cifar10" absent "$dir/.get-data"
rm "$dir/cifar-10-batches-bin/data_batch_1.bin"
check "cifar10 is repaired" get 0 cifar10 "$dir"
check "repaired cifar10 is whole" cmp "$scratch/cifar-10-batches-bin/data_batch_1.bin" \
  "$dir/cifar-10-batches-bin/data_batch_1.bin"

# With wget alone, over HTTP: file:// is curl's.
if command -v wget >/dev/null 2>&1 && command -v python3 >/dev/null 2>&1; then
  mkdir "$scratch/bin"
  for program in sh awk cat cut dirname gzip tar mkdir mv rm rmdir md5sum sha256sum wget; do
    ln -s "$(command -v "$program")" "$scratch/bin/$program"
  done
  : >"$scratch/server"
  (cd "$mirror" && exec python3 -u -m http.server --bind 127.0.0.1 0 >"$scratch/server" 2>&1) &
  server=$!
  port=
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$scratch/server" | head -n 1)
    if [ -n "$port" ]; then break; fi
    sleep 0.5
  done
  mirrors=http://127.0.0.1:$port/
  path=$PATH
  PATH=$scratch/bin no_proxy=127.0.0.1
  export no_proxy
  status=0
  QUENCH_MIRRORS=$mirrors "$tool" mnist "$scratch/wget" >"$scratch/output" 2>&1 || status=$?
  PATH=$path
  check "wget does where there is no curl" [ "$status" -eq 0 ]
  check "the set that wget brought is whole" installed "$scratch/wget"
  check "curl downloads over HTTP" get 0 mnist "$scratch/http"
  check "the set that came over HTTP is whole" installed "$scratch/http"
  # This server has no ranges: it cannot continue a file.
  mkdir -p "$scratch/norange/.get-data/mnist"
  head -c 1000 "$mirror/train-images-idx3-ubyte.gz" >"$scratch/norange/.get-data/mnist/train-images-idx3-ubyte.gz"
  check "a server that cannot continue a file is asked for all of it" get 0 mnist "$scratch/norange"
  check "the set from a server without ranges is whole" installed "$scratch/norange"
fi

# The table of the product: every line is a set, a file and a checksum of a known length.
# shellcheck disable=SC2016  # awk's $1, not the shell's
check "the product's table is well formed" awk '
  /^#/ { next }
  NF != 3 || $1 !~ /^(mnist|cifar10)$/ || $3 !~ /^[0-9a-f]+$/ || (length($3) != 32 && length($3) != 64) { exit 1 }
  { ++lines }
  END { if (lines != 18) exit 1 }' "$root/tools/get-data.sums"

finish
