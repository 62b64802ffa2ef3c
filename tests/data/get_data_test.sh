#!/usr/bin/env bash
# Tests tools/get-data against small stand-ins for the data sets, without network.
set -u
source "$(dirname "$0")/get_data_stand_in.sh"

check "--help explains the command" get 0 --help
check "--help names the environment variable" says QUENCH_MIRRORS
check "a missing data set is wrong usage" get 2
check "an unknown data set is wrong usage" get 2 imagenet
check "an unknown data set is named" says "unknown data set imagenet, expected mnist or cifar10"
check "an unknown option is wrong usage" get 2 mnist --fast
check "too many arguments are wrong usage" get 2 mnist data more

# The table of the product: every line is a set, a file and a checksum of a known length.
# shellcheck disable=SC2016  # awk's $1, not the shell's
check "the product's table is well formed" awk '
  /^#/ { next }
  NF != 3 || $1 !~ /^(mnist|cifar10)$/ || $3 !~ /^[0-9a-f]+$/ || (length($3) != 32 && length($3) != 64) { exit 1 }
  { ++lines }
  END { if (lines != 18) exit 1 }' "$root/tools/get-data.sums"

# The mirrors here are folders, and of curl and wget only curl knows file://.
if ! have curl; then
  skip "downloads from file:// addresses" "curl is not installed"
  finish
fi
# curl wants the space of the folder's name escaped.
good=file://$scratch/good%20mirror/
damaged=file://$scratch/damaged
nowhere=file://$scratch/nowhere

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

# lock_is_held, lock_is_free: whether somebody works in $dir.
lock_is_held() { [ -d "$dir/.get-data/mnist.lock" ]; }
lock_is_free() { ! lock_is_held; }

dir=$scratch/concurrent
mirrors=$nowhere
check "a download that fails is a failure" get 1 mnist "$dir"
check "a failure gives up its lock" lock_is_free
mkdir -p "$dir/.get-data/mnist.lock"
mirrors=$good
check "a second call in one folder is a failure" get 1 mnist "$dir"
check "a second call says how to remove a lock that was left" says "rmdir '$dir/.get-data/mnist.lock'"
check "a second call leaves the lock of the first alone" lock_is_held
check "a second call installs nothing" absent "$dir/mnist"
rmdir "$dir/.get-data/mnist.lock"
check "without the lock the call succeeds" get 0 mnist "$dir"
check "a call that succeeds leaves neither lock nor work folder" installed "$dir"

# A download that is stopped in its middle: this curl says that it began, and ends when it is told to.
mkdir "$scratch/slow"
cat >"$scratch/slow/curl" <<'END'
#!/bin/sh
: >"$SLOW_CURL.began"
i=0
while [ $((i += 1)) -le 600 ] && [ ! -e "$SLOW_CURL.end" ]; do sleep 0.2; done
exit 1
END
chmod +x "$scratch/slow/curl"
dir=$scratch/stopped
SLOW_CURL=$scratch/slow/state PATH=$scratch/slow:$PATH "$tool" mnist "$dir" >"$scratch/stopped.txt" 2>&1 &
downloading=$!
check "a download begins" await_that $downloading test -e "$scratch/slow/state.began"
check "a call at work holds its lock" lock_is_held
kill -TERM $downloading
: >"$scratch/slow/state.end"
status=0
wait $downloading || status=$?
check "a call that is stopped ends with 130" [ "$status" -eq 130 ]
check "a call that is stopped gives up its lock" lock_is_free

finish
