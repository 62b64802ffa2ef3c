# Builds ./train, libquench.a and the tests. `make help` lists targets and variables.
#
# Sources are found by folder: a new file needs no line here. Everything made lies in build/<configuration>/, so builds
# with different compilers or sanitizers stand side by side; only ./train and ./libquench.a are copied to the top.
# All paths are relative, so that the checkout may lie in a folder whose name has spaces.

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

# --- variables of the user ----------------------------------------------------------------------------------------

ifeq ($(origin CXX),default)
CXX := $(firstword $(notdir $(shell command -v g++ 2>/dev/null || command -v clang++ 2>/dev/null)) g++)
endif
ifeq ($(origin AR),default)
# A cross compiler's archiver has the same prefix: aarch64-linux-gnu-g++, aarch64-linux-gnu-ar.
AR := $(firstword $(patsubst %g++,%ar,$(filter %-g++,$(CXX))) ar)
endif
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
CLANG_FORMAT ?= clang-format
FUZZ_RUNS ?= 2500000
FUZZ_TARGETS ?= safetensors idx cifar10 checkpoint

define HELP
Targets
  all            ./train and ./libquench.a (the default)
  train          the program
  lib            the library
  test           build and run all tests (needs doctest)
  check          everything that CI runs: .ci/run
  fuzz           fuzz the readers of files (needs clang++ with libFuzzer): FUZZ_RUNS inputs each, 10 million in all;
                 FUZZ_RUNS=0 replays those in tests/fuzz/corpus
  bench          build and run the benchmarks; BENCH_ARGS="--quick --filter gemm"
  ladder         build and run tools/ladder: a matrix product in five steps, each measured
  install        headers, library, quench.pc and quench-train, below $$(DESTDIR)$$(PREFIX)
  uninstall      remove what install wrote
  format         clang-format all sources
  clean          remove everything that was built
  help           this text

Variables
  CXX=           compiler: g++ 12 or later, clang++ 14 or later; cross compilers too        [$(CXX)]
  CPPFLAGS= CXXFLAGS= LDFLAGS=  added to ours; CXXFLAGS=-O2 or -march=... override ours, but not the
                 flags that keep results the same bits everywhere
  AR=            archiver                                                                    [$(AR)]
  SANITIZE=      address,undefined or thread
  DEBUG=1        debugging information, little optimisation, assertions of the standard library
  WERROR=1       warnings are errors
  V=1            show full commands
  BUILD=         folder for what is built                                                    [$(BUILD)]
  DOCTEST=       folder that holds doctest/doctest.h, where the compiler does not look by itself
  FUZZ_RUNS= FUZZ_TARGETS=  inputs for each reader, and which: [$(FUZZ_RUNS)] [$(FUZZ_TARGETS)]
  TEST_ARGS=     passed to the unit tests, e.g. TEST_ARGS="-tc='a pool*'"
  BENCH_ARGS=    passed to the benchmarks; BENCH_ARGS=--help lists their options
  LADDER_ARGS=   passed to the ladder, e.g. LADDER_ARGS="--size 512"; LADDER_ARGS=--help lists all
  PREFIX= LIBDIR= DESTDIR=      where install writes                                         [$(PREFIX)]
endef

# --- configuration ------------------------------------------------------------------------------------------------

empty :=
space := $(empty) $(empty)
comma := ,
hash := \#

MODE := $(if $(SANITIZE),$(subst $(comma),+,$(SANITIZE)),$(if $(DEBUG),debug,release))
BUILD ?= build/$(subst $(space),-,$(notdir $(CXX)))-$(MODE)

# Goals that compile nothing must work without a compiler.
ifneq ($(filter-out help clean uninstall format check,$(or $(MAKECMDGOALS),all)),)
# Asked of the preprocessor, which also knows of -m32 and --target. Prints "target 1 __i386__" on x86-64.
TARGET := $(shell echo target __x86_64__ __i386__ | $(CXX) $(CXXFLAGS) -E -P -x c++ - 2>/dev/null)
ifeq ($(TARGET),)
$(error the compiler '$(CXX)' does not run; expected g++ 12 or later, or clang++ 14 or later, as CXX)
endif
COMPILER_VERSION := $(shell $(CXX) --version 2>/dev/null | head -n 1)
endif

# GCC 12 raises false alarms of -Wrestrict about std::string; Clang does not know the name. At -O3 and with the thread
# sanitizer there are many more of the kind, so that warnings are no errors there.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-unknown-warning-option -Wno-restrict \
            $(if $(WERROR),$(if $(findstring thread,$(SANITIZE))$(findstring -O3,$(CXXFLAGS)),,-Werror))

ifneq ($(SANITIZE),)
OPTIMISE        := -O1
KERNEL_OPTIMISE := -O2
INSTRUMENT      := -g1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -D_GLIBCXX_ASSERTIONS
# A kernel's own arrays are tiles that become registers. With the address sanitizer's red zones around them they stay in
# memory, and training takes nearly twenty times as long. An index out of one the undefined behaviour sanitizer finds;
# all that a kernel reads and writes of others is checked as ever.
ifneq ($(findstring address,$(SANITIZE)),)
KERNEL_INSTRUMENT := $(if $(findstring clang,$(COMPILER_VERSION)),-mllvm -asan-stack=0,--param asan-stack=0)
endif
else ifneq ($(DEBUG),)
OPTIMISE        := -Og
KERNEL_OPTIMISE := -Og
INSTRUMENT      := -g -D_GLIBCXX_ASSERTIONS
else
OPTIMISE        := -O2
KERNEL_OPTIMISE := -O2
INSTRUMENT      :=
endif

# The numeric contract. After the user's CXXFLAGS, so that -Ofast or -ffast-math there cannot break it; at the link as
# well, where fast-math would make the program start with subnormal numbers flushed to zero.
# Clang undoes all of -funsafe-math-optimizations with -fno-fast-math; its -fno-unsafe-math-optimizations would ask for
# strict floating-point exceptions on top, which no kernel needs and registers pay for.
NUMERIC := -ffp-contract=off -fno-fast-math -fno-associative-math -fno-reciprocal-math -fno-finite-math-only \
           -fsigned-zeros $(if $(findstring clang,$(COMPILER_VERSION)),,-fno-unsafe-math-optimizations)
ifeq ($(TARGET),target __x86_64__ 1)
NUMERIC += -msse2 -mfpmath=sse
endif

# A program has the functions it calls, and no others of the files that they stand in.
ifeq ($(shell uname -s),Linux)
SECTIONS := -ffunction-sections -fdata-sections
LINK_SECTIONS := -Wl,--gc-sections -Wl,-z,noseparate-code
endif

BASE_FLAGS     = -std=c++20 -pthread $(WARNINGS) -Iinclude -Isrc $(INSTRUMENT)
COMPILE        = $(CXX) $(BASE_FLAGS) $(SECTIONS) $(OPTIMISE) $(CPPFLAGS) $(CXXFLAGS) $(NUMERIC) $(UNIT_FLAGS) -MMD -MP
COMPILE_KERNEL = $(CXX) $(BASE_FLAGS) $(KERNEL_OPTIMISE) $(CPPFLAGS) $(CXXFLAGS) $(NUMERIC) $(KERNEL_FLAGS) \
                 $(UNIT_FLAGS) -MMD -MP
LINK           = $(CXX) -pthread $(INSTRUMENT) $(CXXFLAGS) $(NUMERIC) $(LINK_SECTIONS) $(LDFLAGS)

# Kernels are compiled once per instruction set. No link-time optimisation: it could merge a function of one unit into
# another that must run without those instructions. (-fno-trapping-math is left out on purpose: GCC then turns
# selects into branches.)
# The warnings switched off are about vectors in signatures that are never external, and a false alarm of GCC 12 in its
# own AVX-512 headers.
KERNEL_FLAGS := -fno-exceptions -fno-asynchronous-unwind-tables -fno-rtti -fno-threadsafe-statics -fno-math-errno \
                -fno-lto -Wno-psabi -Wno-maybe-uninitialized $(KERNEL_INSTRUMENT)
INSTRUCTION_SETS := baseline portable
ifeq ($(TARGET),target 1 __i386__)
INSTRUCTION_SETS += avx2 avx512
DISPATCH_FLAGS := -DQUENCH_HAVE_AVX2 -DQUENCH_HAVE_AVX512 -DQUENCH_PORTABLE_OPTIONAL
# Every x86-64 has better kernels than the portable ones: programs have those only when they name them.
OPTIONAL_OBJECTS = $(BUILD)/src/kernels/isa/portable.o
# prfchw: processors that do not know the instruction take it for no operation.
AVX2_FLAGS     := -mavx2 -mfma -mprfchw -mno-avx512f  # also where CXXFLAGS ask for more
AVX512_FLAGS   := -mavx2 -mfma -mprfchw -mavx512f -mavx512vl -mavx512dq -mavx512bw -mprefer-vector-width=512
endif

# --- what there is to build -----------------------------------------------------------------------------------------

sources_below = $(sort $(wildcard $(1)/*.cpp $(1)/*/*.cpp))
objects = $(patsubst %.cpp,$(BUILD)/%.o,$(1))

KERNEL_OBJECTS  := $(call objects,$(INSTRUCTION_SETS:%=src/kernels/isa/%.cpp))
LIBRARY_FOLDERS := core graph nn optim fdr data io
LIBRARY_OBJECTS := $(call objects,$(foreach folder,$(LIBRARY_FOLDERS),$(call sources_below,src/$(folder))) \
                     $(sort $(wildcard src/kernels/*.cpp))) $(KERNEL_OBJECTS)
TRAIN_OBJECTS   := $(call objects,$(call sources_below,src/train) $(call sources_below,src/selftest))
# Of the program it shares the facts about the machine and the wording of messages.
BENCH_OBJECTS   := $(call objects,$(sort $(wildcard tools/bench/*.cpp)) \
                     $(patsubst %,tools/bench/isa/%.cpp,$(filter-out portable,$(INSTRUCTION_SETS))) \
                     src/train/console.cpp src/train/machine.cpp)

# Everything under tests/ goes into one program, with the command line's sources but for its main(); programs of their
# own are the signature, the embedding example and the fuzzers, whose targets are among the unit tests too.
TEST_SOURCES := $(filter-out tests/signature.cpp tests/embed/% tests/fuzz/driver.cpp,$(call sources_below,tests))
TEST_OBJECTS := $(call objects,$(TEST_SOURCES))
TEST_SCRIPTS := $(sort $(wildcard tests/*_test.sh tests/*/*_test.sh))
UNDER_TEST   := $(filter-out %/main.o,$(TRAIN_OBJECTS))

# What reads checkpoints needs little of the command line.
FUZZ_OBJECTS := $(call objects,$(patsubst %,tests/fuzz/%.cpp,driver target chance memory mutations) \
                  $(filter-out %_command.cpp %/main.cpp %/run.cpp %/run_end.cpp %/summary.cpp,$(wildcard src/train/*.cpp)) \
                  src/train/report/run_curves.cpp)

LADDER_OBJECTS := $(call objects,$(call sources_below,tools/ladder))

.PHONY: all lib test check fuzz fuzzers bench ladder install uninstall format clean help doctest FORCE

all: train libquench.a
lib: libquench.a

# Copies of what the last build made, whichever its configuration.
train libquench.a: %: $(BUILD)/% FORCE
	@cmp -s $< $@ || cp -f $< $@

# --- rules ----------------------------------------------------------------------------------------------------------

quiet := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) '$@')

$(BUILD)/train: $(TRAIN_OBJECTS) $(BUILD)/libquench.a $(BUILD)/flags $(BUILD)/sources
	$(call say,LINK)
	$(quiet)$(LINK) $(filter %.o %.a,$^) $(LDLIBS) -o $@

$(BUILD)/libquench.a: $(LIBRARY_OBJECTS) $(BUILD)/sources
	$(call say,AR)
	$(quiet)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/signature: $(BUILD)/tests/signature.o $(OPTIONAL_OBJECTS) $(BUILD)/libquench.a $(BUILD)/flags
	$(call say,LINK)
	$(quiet)$(LINK) $(filter %.o %.a,$^) $(LDLIBS) -o $@

$(BUILD)/bench: $(BENCH_OBJECTS) $(OPTIONAL_OBJECTS) $(BUILD)/libquench.a $(BUILD)/flags $(BUILD)/sources
	$(call say,LINK)
	$(quiet)$(LINK) $(filter %.o %.a,$^) $(LDLIBS) -o $@

$(BUILD)/tools/ladder/ladder: $(LADDER_OBJECTS) $(BUILD)/libquench.a $(BUILD)/flags
	$(call say,LINK)
	$(quiet)$(LINK) $(filter %.o %.a,$^) $(LDLIBS) -o $@

$(BUILD)/unit_tests: $(TEST_OBJECTS) $(UNDER_TEST) $(OPTIONAL_OBJECTS) $(BUILD)/libquench.a $(BUILD)/flags $(BUILD)/sources
	$(call say,LINK)
	$(quiet)$(LINK) $(filter %.o %.a,$^) $(LDLIBS) -ldl -o $@

.SECONDARY: $(FUZZ_OBJECTS) $(FUZZ_TARGETS:%=$(BUILD)/tests/fuzz/%.o)
# With libFuzzer's main(): a build with SANITIZE=fuzzer-no-link,... is its own instrumentation without that.
$(BUILD)/fuzz-%: $(BUILD)/tests/fuzz/%.o $(FUZZ_OBJECTS) $(BUILD)/libquench.a $(BUILD)/flags
	$(call say,LINK)
	$(quiet)$(subst fuzzer-no-link,fuzzer,$(LINK)) $(FUZZ_COVERAGE) $(filter %.o %.a,$^) $(LDLIBS) -o $@

$(BUILD)/src/kernels/dispatch.o: private UNIT_FLAGS = $(DISPATCH_FLAGS)
$(BUILD)/src/kernels/isa/avx2.o: private UNIT_FLAGS = $(AVX2_FLAGS)
$(BUILD)/src/kernels/isa/avx512.o: private UNIT_FLAGS = $(AVX512_FLAGS)
# What takes no time need not take space either: all that calls kernels instead of computing itself, reads options and
# files and writes reports.
COLD_OBJECTS := $(foreach folder,fdr graph nn optim selftest train,$(BUILD)/src/$(folder)/%.o) \
                $(BUILD)/src/core/archive.o $(BUILD)/src/core/processors.o \
                $(patsubst %,$(BUILD)/src/data/%.o,cifar10 contact_sheet data_file idx image_set mnist pnm \
                  record_file) \
                $(patsubst %,$(BUILD)/src/io/%.o,csv csv_contents files folder_lock growing_file json json_value numbers \
                  progress read_file safetensors text)
$(COLD_OBJECTS): private OPTIMISE := $(OPTIMISE:-O2=-Os)
# A third of the time that they take to compile is the standard library's headers: GCC reads those once. (Clang, which
# does without, sees to it that each file includes what it needs.)
ifeq ($(findstring clang,$(COMPILER_VERSION)),)
STANDARD := $(BUILD)/standard/standard.h
STANDARD_HEADERS := algorithm array bit charconv cmath cstddef cstdint deque exception filesystem functional limits map \
                    memory numeric optional span string string_view system_error type_traits utility variant vector
$(COLD_OBJECTS): private UNIT_FLAGS = -include $(STANDARD) -Winvalid-pch
$(filter $(COLD_OBJECTS),$(LIBRARY_OBJECTS) $(TRAIN_OBJECTS)): $(STANDARD).gch
$(STANDARD).gch: private OPTIMISE := $(OPTIMISE:-O2=-Os)
$(STANDARD).gch: $(BUILD)/flags
	@mkdir -p $(@D)
	@printf '$(hash)include <%s>\n' $(STANDARD_HEADERS) >$(STANDARD)
	$(call say,CXX)
	$(quiet)$(COMPILE) -x c++-header $(STANDARD) -o $@
endif
# But for the one loop that is no kernel: it adds up gradients.
$(BUILD)/src/nn/full_gradient.o: private OPTIMISE := $(OPTIMISE)
$(BUILD)/src/nn/full_gradient.o: private UNIT_FLAGS =
# There is always a better table than the portable one, where compilers know vectors, and hardly a processor left that
# has none better than SSE2.
$(BUILD)/src/kernels/isa/portable.o: private KERNEL_OPTIMISE := $(KERNEL_OPTIMISE:-O2=-Os)
ifeq ($(TARGET),target 1 __i386__)
$(BUILD)/src/kernels/isa/baseline.o: private KERNEL_OPTIMISE := $(KERNEL_OPTIMISE:-O2=-Os)
endif
# The peaks are the machine's, whatever becomes of the library in this configuration.
$(BUILD)/tools/bench/isa/%.o: private KERNEL_OPTIMISE = -O2
$(BUILD)/tools/bench/isa/avx2.o: private UNIT_FLAGS = $(AVX2_FLAGS)
$(BUILD)/tools/bench/isa/avx512.o: private UNIT_FLAGS = $(AVX512_FLAGS)
$(BUILD)/tools/bench/peak.o: private UNIT_FLAGS = $(DISPATCH_FLAGS)
# For the tests the time that they take to compile counts most.
$(BUILD)/tests/%.o: private OPTIMISE = -O1
$(BUILD)/tests/%.o: private UNIT_FLAGS = -Itests $(if $(DOCTEST),-isystem '$(DOCTEST)')

# Of the readers that are fuzzed it is known which lines ran. They and what they need most are optimised, and without
# the callback at each comparison, which takes a third of the time: inputs are made by what knows their structure.
ifneq ($(findstring fuzzer,$(SANITIZE)),)
FUZZ_COVERAGE := -fprofile-instr-generate -fcoverage-mapping
FUZZ_SPEED := -O2 -fno-sanitize-coverage=trace-cmp
$(call objects,$(patsubst %,src/%.cpp,core/archive data/idx data/mnist data/record_file io/json_value io/safetensors \
  nn/safetensors train/checkpoint train/resume train/state_file)): private UNIT_FLAGS = $(FUZZ_COVERAGE) $(FUZZ_SPEED)
$(call objects,$(patsubst %,src/%.cpp,data/data_file data/image_set io/checksum io/json)): private UNIT_FLAGS = $(FUZZ_SPEED)
$(BUILD)/tests/fuzz/%.o: private UNIT_FLAGS = -Itests $(FUZZ_SPEED)
# Kernels read no files, and take Clang minutes to instrument.
$(KERNEL_OBJECTS): private INSTRUMENT =
endif

# The ladder is for the machine that it is compiled on, where the compiler knows which that is; cross compilers do not.
NATIVE = $(shell $(CXX) -march=native $(CPPFLAGS) $(CXXFLAGS) -E -x c++ /dev/null >/dev/null 2>&1 && echo -march=native)
$(LADDER_OBJECTS): private OPTIMISE = $(KERNEL_OPTIMISE) $(NATIVE)
$(LADDER_OBJECTS): $(BUILD)/machine

$(filter-out $(BUILD)/tests/fuzz/%,$(TEST_OBJECTS)) $(BUILD)/tests/fuzz/corpus_test.o: | doctest

$(BUILD)/src/kernels/isa/%.o: src/kernels/isa/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX)
	$(quiet)$(COMPILE_KERNEL) -c $< -o $@

$(BUILD)/tools/bench/isa/%.o: tools/bench/isa/%.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX)
	$(quiet)$(COMPILE_KERNEL) -c $< -o $@

$(BUILD)/%.o: %.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CXX)
	$(quiet)$(COMPILE) -c $< -o $@

# Files that change only when their text does: objects are rebuilt when flags or compiler change, archives and programs
# also when a source file came or went, and what was compiled for this machine when it is another.
$(BUILD)/flags: export RECORD = $(COMPILER_VERSION) $(COMPILE) $(COMPILE_KERNEL) $(LINK) $(LDLIBS) $(AR) \
  $(AVX2_FLAGS) $(AVX512_FLAGS) $(DISPATCH_FLAGS) $(DOCTEST)
$(BUILD)/sources: export RECORD = $(LIBRARY_OBJECTS) $(TRAIN_OBJECTS) $(TEST_OBJECTS) $(BENCH_OBJECTS)
$(BUILD)/machine: export RECORD = $(shell $(CXX) $(NATIVE) $(CPPFLAGS) $(CXXFLAGS) -dM -E -x c++ /dev/null | cksum)
$(BUILD)/flags $(BUILD)/sources $(BUILD)/machine: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$RECORD" | cmp -s - $@ || printf '%s\n' "$$RECORD" >$@

-include $(patsubst %.o,%.d,$(LIBRARY_OBJECTS) $(TRAIN_OBJECTS) $(TEST_OBJECTS) $(BENCH_OBJECTS) \
  $(LADDER_OBJECTS) $(BUILD)/tests/fuzz/driver.o $(BUILD)/tests/signature.o)

# --- tests ----------------------------------------------------------------------------------------------------------

doctest:
	@printf '$(hash)include <doctest/doctest.h>\n' \
	  | $(CXX) -std=c++20 $(CPPFLAGS) $(CXXFLAGS) $(if $(DOCTEST),-isystem '$(DOCTEST)') -E -x c++ - >/dev/null 2>&1 \
	  || { echo "tests need doctest: apt-get install doctest-dev, or make test DOCTEST=/path/to/include"; exit 1; }

# The name keeps make from taking the recipe for a recursive one, which would run even under `make -n`.
THIS_MAKE := $(MAKE)

TESTED := $(BUILD)/unit_tests $(BUILD)/signature $(BUILD)/train $(BUILD)/libquench.a $(BUILD)/bench \
          $(BUILD)/tools/ladder/ladder
TEST_RESULTS := $(BUILD)/results/unit_tests.txt $(TEST_SCRIPTS:%.sh=$(BUILD)/results/%.txt)

# With -j several at a time. A test that fails is counted, and keeps no other from running.
test: $(TEST_RESULTS)
	@bash tests/total.sh $^

run_test = $(quiet)mkdir -p '$(@D)' && QUENCH_BUILD='$(BUILD)' QUENCH_TRAIN='$(BUILD)/train' \
  QUENCH_SANITIZE='$(SANITIZE)' QUENCH_DEBUG='$(DEBUG)' CXX='$(CXX)' MAKE='$(THIS_MAKE)' bash tests/run.sh '$@'

# Options through the environment, so that quotes in them reach the tests' shell.
$(BUILD)/results/unit_tests.txt: export TEST_ARGS := $(TEST_ARGS)
$(BUILD)/results/unit_tests.txt: $(TESTED) FORCE
	$(call say,TEST)
	$(run_test) 'unit tests' bash -c 'eval "\"$$1\" $${TEST_ARGS:-}"' unit_tests '$(BUILD)/unit_tests'

$(BUILD)/results/%.txt: %.sh $(TESTED) FORCE
	$(call say,TEST)
	$(run_test) '$<' bash '$<'

check:
	@bash .ci/run

# A build of its own, by Clang whatever builds the rest.
FUZZ_CXX = $(if $(findstring clang,$(CXX)),$(CXX),clang++)
FUZZ_BUILD = build/$(notdir $(FUZZ_CXX))-fuzz
fuzz:
	@echo 'extern "C" int LLVMFuzzerTestOneInput(const void*, unsigned long) { return 0; }' \
	  | $(FUZZ_CXX) -fsanitize=fuzzer -x c++ - -o /dev/null 2>/dev/null \
	  || { echo "make fuzz needs clang++ with libFuzzer: apt-get install clang, or make fuzz CXX=/path/to/clang++"; exit 1; }
	@$(MAKE) fuzzers CXX='$(FUZZ_CXX)' SANITIZE=fuzzer-no-link,address,undefined BUILD='$(FUZZ_BUILD)'
	@FUZZ_RUNS='$(FUZZ_RUNS)' FUZZ_KEEP='$(FUZZ_KEEP)' bash tests/fuzz/run.sh '$(FUZZ_BUILD)' $(FUZZ_TARGETS)

fuzzers: $(FUZZ_TARGETS:%=$(BUILD)/fuzz-%)

# --- tools ------------------------------------------------------------------------------------------------------------

bench: $(BUILD)/bench
	@'$<' $(BENCH_ARGS)

ladder: $(BUILD)/tools/ladder/ladder
	@'$<' $(LADDER_ARGS)

# --- installation -----------------------------------------------------------------------------------------------------

VERSION := $(shell sed -n 's/.*return "\(.*\)".*/\1/p' src/core/version.cpp)
HEADERS := $(wildcard include/quench/*.h)
define PKG_CONFIG
prefix=$(PREFIX)
includedir=$${prefix}/include
libdir=$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))

Name: quench
Description: Trains small neural networks
Version: $(VERSION)
Cflags: "-I$${includedir}"
Libs: "-L$${libdir}" -lquench -pthread
endef

install: export TEXT = $(PKG_CONFIG)
install: $(BUILD)/train $(BUILD)/libquench.a
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(PREFIX)/include/quench" "$(DESTDIR)$(LIBDIR)/pkgconfig"
	install -m 644 $(HEADERS) "$(DESTDIR)$(PREFIX)/include/quench"
	install -m 644 $(BUILD)/libquench.a "$(DESTDIR)$(LIBDIR)"
	install -m 755 $(BUILD)/train "$(DESTDIR)$(PREFIX)/bin/quench-train"
	printf '%s\n' "$$TEXT" >"$(DESTDIR)$(LIBDIR)/pkgconfig/quench.pc"

uninstall:
	rm -f "$(DESTDIR)$(PREFIX)/bin/quench-train" "$(DESTDIR)$(LIBDIR)/libquench.a" \
	  "$(DESTDIR)$(LIBDIR)/pkgconfig/quench.pc"
	cd "$(DESTDIR)$(PREFIX)/include/quench" 2>/dev/null && rm -f $(notdir $(HEADERS)) && cd .. && rmdir quench || true

# --- the rest ---------------------------------------------------------------------------------------------------------

format:
	$(CLANG_FORMAT) -i $(shell find include src tests tools -name '*.h' -o -name '*.cpp')

clean:
	rm -rf build train libquench.a

help:
	$(info $(HELP))
	@:
