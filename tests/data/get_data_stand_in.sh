# Sourced by the tests of tools/get-data: small stand-ins for the data sets, a copy of the tool that knows their
# checksums, and what the checks ask. Set $mirrors, the addresses to download from, before a call of get.
#   $scratch  folder that is removed at the end      $tool   the copy of get-data, $table its checksums
#   $mirror   folder with the archives to download   $names  MNIST's files

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
source "$root/tests/checks.sh"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/quench-get-data.XXXXXX") || exit 1
cleanup() {
  if [ -n "${server-}" ]; then kill "$server" 2>/dev/null; fi
  rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

have() { command -v "$1" >/dev/null 2>&1; }
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
mkdir -p "$scratch/tools" "$scratch/good mirror" "$scratch/damaged"
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
