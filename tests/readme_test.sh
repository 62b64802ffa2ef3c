#!/usr/bin/env bash
# README.md is true: its program is the tested one, its options are those of --help, the files it names exist.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
source tests/checks.sh

program=$(sed -n '/^```cpp$/,/^```$/p' README.md | sed '1d;$d')
check "README shows tests/embed/embed.cpp" diff <(echo "$program") tests/embed/embed.cpp

options() { grep -oE -- '--[a-z][a-z-]+' | sort -u; }
helped=$("${QUENCH_TRAIN:?}" --help | grep -E '^  --' | options)
described=$(sed -n '/^## Options/,/^## /p' README.md | grep '^| `--' | sed 's/^| \([^|]*\)|.*/\1/' | options)
check "README describes the options of --help, no more and no fewer" diff <(echo "$helped") <(echo "$described")

while IFS= read -r file; do
  check "README names $file, which exists" test -e "$file"
done < <(grep -oE '`(src|include|tests|tools|data)/[A-Za-z0-9_./-]*`' README.md | tr -d '`' | grep -Ev '^data/(mnist|cifar-10-batches-bin)' | sort -u)
finish
