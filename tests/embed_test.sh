#!/usr/bin/env bash
# What an embedder does: install, compile a small program with the flags that pkg-config gives, run it; and that
# uninstall leaves nothing behind. The folder's name has a space, as folders do.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
source tests/checks.sh

if [[ -n ${QUENCH_SANITIZE:-} ]]; then
  skip "installation and embedding" "a sanitized library is not for installing"
  finish
fi
temporary=$(mktemp -d "${TMPDIR:-/tmp}/quench embed XXXXXX")
trap 'rm -rf "$temporary"' EXIT
prefix=$temporary/usr/local
make_here() { "${MAKE:-make}" BUILD="${QUENCH_BUILD:?}" CXX="$CXX" DESTDIR="$temporary" PREFIX=/usr/local "$@"; }

check "make install" make_here install
for file in bin/quench-train lib/libquench.a lib/pkgconfig/quench.pc include/quench/quench.h; do
  check "installed: $file" test -s "$prefix/$file"
done
check "the installed program runs" "$prefix/bin/quench-train" --help

flags="-I'$prefix/include' -L'$prefix/lib' -lquench -pthread"
if command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
  if found=$(pkg-config --define-variable=prefix="$prefix" --cflags --libs quench 2>&1); then
    ok "pkg-config knows quench"
    flags=$found
  else
    fail "pkg-config knows quench" "$found"
  fi
  declared=$(pkg-config --modversion quench)
  check "quench.pc has the library's version" grep -qF "\"$declared\"" src/core/version.cpp
else
  skip "pkg-config knows quench" "pkg-config is not installed"
fi

# eval: the flags are quoted for a shell.
compile() {
  eval "$CXX -std=c++20 -O1 -Wall -Wextra -Wpedantic -Werror tests/embed/embed.cpp $flags -o '$temporary/embed'"
}
check "the embedding example compiles without warnings" compile
if output=$("$temporary/embed" 2>&1) && [[ $output =~ epoch\ 2:\ test\ accuracy\ 0\.[89] ]]; then
  ok "the embedding example trains"
else
  fail "the embedding example trains" "$output"
fi

for header in "$prefix"/include/quench/*.h; do
  name=$(basename "$header")
  alone() {
    echo "#include <quench/$name>" |
      $CXX -std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$prefix/include" -fsyntax-only -x c++ -
  }
  check "quench/$name compiles alone, without warnings" alone
done

check "make uninstall" make_here uninstall
left=$(find "$temporary/usr" -type f -o -name quench)
if [[ -z $left ]]; then ok "uninstall leaves nothing behind"; else fail "uninstall leaves nothing behind" "$left"; fi
finish
