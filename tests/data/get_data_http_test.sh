#!/usr/bin/env bash
# Tests tools/get-data over HTTP, with wget alone and with curl, from a server on this machine.
set -u
source "$(dirname "$0")/get_data_stand_in.sh"

for program in wget python3; do
  have $program && continue
  skip "downloads over HTTP" "$program is not installed"
  finish
done

# All that get-data may use, but no curl.
mkdir "$scratch/bin"
for program in sh awk cat cut dirname gzip tar mkdir mv rm rmdir md5sum sha256sum wget; do
  ln -s "$(command -v "$program")" "$scratch/bin/$program"
done
: >"$scratch/server"
(cd "$mirror" && exec python3 -u -m http.server --bind 127.0.0.1 0 >"$scratch/server" 2>&1) &
server=$!
await_that $server grep -q ' port [0-9]* ' "$scratch/server"
port=$(sed -n 's/.* port \([0-9]*\) .*/\1/p' "$scratch/server" | head -n 1)
mirrors=http://127.0.0.1:$port/
path=$PATH
PATH=$scratch/bin no_proxy=127.0.0.1
export no_proxy
status=0
QUENCH_MIRRORS=$mirrors "$tool" mnist "$scratch/wget" >"$scratch/output" 2>&1 || status=$?
PATH=$path
check "wget does where there is no curl" [ "$status" -eq 0 ]
check "the set that wget brought is whole" installed "$scratch/wget"

if ! have curl; then
  skip "curl over HTTP" "curl is not installed"
  finish
fi
check "curl downloads over HTTP" get 0 mnist "$scratch/http"
check "the set that came over HTTP is whole" installed "$scratch/http"
# This server has no ranges: it cannot continue a file.
mkdir -p "$scratch/norange/.get-data/mnist"
head -c 1000 "$mirror/train-images-idx3-ubyte.gz" >"$scratch/norange/.get-data/mnist/train-images-idx3-ubyte.gz"
check "a server that cannot continue a file is asked for all of it" get 0 mnist "$scratch/norange"
check "the set from a server without ranges is whole" installed "$scratch/norange"

finish
