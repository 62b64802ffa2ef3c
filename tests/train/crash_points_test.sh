#!/usr/bin/env bash
# Where kill_test.sh kills at random, this kills at every single operation on a file: before the first, the second, the
# third that a run makes, from its start to its end, and after each has it go on. One begins anew, one goes on from what
# a killed one left.
set -u
. "$(dirname "$0")/checks.sh"

name='a run that is killed before any operation on a file ends with the same bytes'
if [[ -n ${QUENCH_SANITIZE:-} ]]; then
  skip "$name" 'sanitizers want to be loaded first'
  finish
fi
if [ "$(uname -s)" != Linux ]; then
  skip "$name" 'there is no LD_PRELOAD'
  finish
fi

# Ends the program before its KILL_AT-th operation that changes files.
cat >kill_at.cpp <<'END'
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>

static void operation() {
  static const char* text = getenv("KILL_AT");
  static const long at = text ? atol(text) : 0;
  static std::atomic<long> made{0};
  if (++made == at) kill(getpid(), SIGKILL);
}

#define REAL(name) static const auto real = reinterpret_cast<decltype(&name)>(dlsym(RTLD_NEXT, #name))
#define WATCH(type, name, parameters, arguments) \
  extern "C" type name parameters {              \
    REAL(name);                                  \
    operation();                                 \
    return real arguments;                       \
  }

#define WATCH_OPEN(name)                                        \
  extern "C" int name(const char* file, int flags, ...) {       \
    static const auto real = (int (*)(const char*, int, ...))dlsym(RTLD_NEXT, #name); \
    va_list more;                                               \
    va_start(more, flags);                                      \
    const int mode = flags & O_CREAT ? va_arg(more, int) : 0;   \
    va_end(more);                                               \
    if (flags & (O_CREAT | O_TRUNC)) operation();               \
    return real(file, flags, mode);                             \
  }

extern "C" int rename(const char*, const char*);
extern "C" int remove(const char*);
extern "C" int mkdir(const char*, mode_t);
WATCH_OPEN(open)
WATCH_OPEN(open64)
WATCH(ssize_t, write, (int file, const void* bytes, size_t size), (file, bytes, size))
WATCH(int, ftruncate, (int file, off_t size), (file, size))
// Nothing but a power cut would tell that it does not wait for the disk.
extern "C" int fsync(int) {
  operation();
  return 0;
}
WATCH(int, rename, (const char* from, const char* to), (from, to))
WATCH(int, remove, (const char* file), (file))
WATCH(int, unlink, (const char* file), (file))
WATCH(int, unlinkat, (int folder, const char* file, int flags), (folder, file, flags))
WATCH(int, mkdir, (const char* folder, mode_t mode), (folder, mode))
END
if ! ${CXX:-c++} -std=c++20 -w -shared -fPIC kill_at.cpp -o kill_at.so -ldl 2>compiler.txt; then
  skip "$name" "$(tail -n 1 compiler.txt)"
  finish
fi

make_mnist data 600 50
# Two epochs of six steps, a cut at the ninth, checkpoints after 4, 8 and 12.
kind=(--epochs 2 --fdr-every 9 --fdr-threshold 1e9 --detectors all)
run() { # FOLDER [KILL_AT]
  (
    export KILL_AT=${2:-0} LD_PRELOAD=$PWD/kill_at.so
    exec "$train" mnist --data data --out "$1" --batch 100 --momentum 0.9 "${kind[@]}" --checkpoint-every 4steps --threads 1 \
      --resume auto --quiet
  ) >out.txt 2>err.txt &
  wait $! 2>/dev/null
}
# outcome FOLDER: all that must be the same, and which files there are. (A report half written may stay: reports are also
# written by others.)
outcome() {
  cat "$1"/{model.safetensors,steps.bin,decisions.csv,layers.csv}
  for table in "$1"/{stages,fdr2}.csv; do [ -e "$table" ] && cat "$table"; done
  repeatable "$1/log.csv"
  (cd "$1" && ls . checkpoints) | grep -v '^report.*\.partial$'
}
run whole || fail 'a run that nobody disturbs' "$(cat err.txt)"
check 'whose learning rate is cut' test "$(grep -c ',cut$' whole/decisions.csv)" -eq 1
outcome whole >whole.txt

# sweep [FOLDER]: kills at each operation, beginning each time with a copy of the folder, or with none. Sets kills.
sweep() {
  local status
  for ((kills = 0; kills < 2000; ++kills)); do
    rm -rf run
    [ -n "${1:-}" ] && cp -R "$1" run
    run run $((kills + 1))
    status=$?
    [ $status -eq 0 ] && return
    if [ $status -ne 137 ]; then
      echo "operation $((kills + 1)): exit code $status, $(cat err.txt)"
      return 1
    fi
    if ! run run || [ -s err.txt ] || ! outcome run | cmp - whole.txt; then
      echo "after operation $((kills + 1)): $(cat err.txt) $(ls run run/checkpoints)"
      return 1
    fi
  done
}

if sweep >sweep.txt 2>&1; then ok "$name"; else fail "$name" "$(cat sweep.txt)"; fi
check "of which there are many: $kills" test $kills -ge 100
fresh=$kills

# What one left that was killed near its end: rows past its checkpoint, and a checkpoint half written.
for ((at = fresh; at > 1; --at)); do
  rm -rf torn
  run torn $at
  [ -n "$(compgen -G 'torn/checkpoints/*12.*.partial/*')" ] && [ ! -e torn/checkpoints/0000000012 ] && break
done
check 'a killed run has rows past its checkpoint' \
  test "$(grep -c ',cut$' torn/decisions.csv)" -eq 1 -a "$(ls torn/checkpoints | grep -cv partial)" -eq 2 -a "$(wc -l <torn/log.csv)" -eq 3
name='so does one that is killed as it goes on, before any operation'
if sweep torn >sweep.txt 2>&1; then ok "$name"; else fail "$name" "$(cat sweep.txt)"; fi
check "of which there are many: $kills" test $kills -ge 50

# With another --out and --force a run goes on over another one.
"$train" mnist --data data --batch 100 --epochs 1 --seed 9 --out other --quiet >out.txt 2>err.txt || fail 'another run' "$(cat err.txt)"
"$train" --resume whole --epochs 3 --out longer --quiet >out.txt 2>err.txt || fail 'a longer run' "$(cat err.txt)"
outcome longer | grep -av '^[0-9]*$' >longer.txt
# over: kills at each operation until the run has begun, with a row more. Sets kills.
over() {
  for ((kills = 0; kills < 2000; ++kills)); do
    rm -rf over
    cp -R other over
    (
      export KILL_AT=$((kills + 1)) LD_PRELOAD=$PWD/kill_at.so
      exec "$train" --resume whole --epochs 3 --out over --force --quiet
    ) >out.txt 2>err.txt &
    wait $! 2>/dev/null
    grep -qs '"status": "running"' over/run.json && return
    if [ -e over/run.json ] && ! cmp over/log.csv other/log.csv; then
      echo "after operation $((kills + 1)): the old run.json with another log"
      return 1
    fi
    "$train" --resume whole --epochs 3 --out over --force --quiet >out.txt 2>err.txt || return 1
    outcome over | grep -av '^[0-9]*$' | cmp - longer.txt || return 1
  done
}
name='a run that is killed as it goes on over another leaves that one, or none'
if over >sweep.txt 2>&1; then ok "$name"; else fail "$name" "$(cat sweep.txt err.txt)"; fi
check "of which there are many: $kills" test $kills -ge 20

# Two stages of an epoch each, with the gradient of the whole training set.
rm -r whole
kind=(--stages 0.1:1,0.05:1 --fdr2-every 1)
run whole || fail 'a run of stages' "$(cat err.txt)"
outcome whole >whole.txt
check 'with a row for each' test "$(wc -l <whole/stages.csv) $(wc -l <whole/fdr2.csv)" = '3 3'
name='a run of stages that is killed before any operation ends with the same bytes, too'
if sweep >sweep.txt 2>&1; then ok "$name"; else fail "$name" "$(cat sweep.txt)"; fi
check "of which there are many: $kills" test $kills -ge 100
finish
