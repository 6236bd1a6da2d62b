#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One more build, with a sanitizer, and the tests that need no root in it.
# Usage: sanitize.sh address|thread|fuzzer
. tests/support/strict.sh
kind=$1
out=$BUILD/sanitize-$kind
target=all
options=(-DTESTS=ON -DCMAKE_C_FLAGS_RELWITHDEBINFO='-O1 -g') # asserts are active
case $kind in
address | thread) options+=(-DWERROR=ON -DSANITIZE="$kind") ;;
fuzzer)
	command -v clang >/dev/null || { echo "SKIP: no clang on this machine"; exit 77; }
	options+=(-DWERROR=OFF -DFUZZ=ON -DSANITIZE=address -DCMAKE_C_COMPILER=clang)
	target=fuzzers
	;;
esac
cmake -S . -B "$out" -G Ninja "${options[@]}" >/dev/null
cmake --build "$out" -j "${JOBS:-2}" --target "$target"

# Each strstr() in a long text would look at all of it, for both: minutes for the tests that walk through megabytes.
export ASAN_OPTIONS=detect_stack_use_after_return=1:intercept_strstr=0 UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:intercept_strstr=0
case $kind in
address) exec ctest --test-dir "$out" --output-on-failure -j "${JOBS:-2}" -L '^(unit|fuzz|replay)$' ;;
# What has one thread only cannot race.
thread) exec ctest --test-dir "$out" --output-on-failure -j "${JOBS:-2}" -L '^(unit|replay)$' -E '^(base|kern|encoders|archive)/|^capture/index|^sinks/spool' ;;
esac

found=0 bad=0
seconds=${PENSTOCK_LONG:+300}
for target in "$out"/tests/fuzz_*; do
	[ -x "$target" ] || continue
	name=${target##*/fuzz_}
	mkdir -p "$out/corpus/$name"
	echo "-- $name"
	(cd "$out" && "$target" -max_total_time="${seconds:-1}" -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 \
		-artifact_prefix="$out/crash-$name-" "corpus/$name" "$OLDPWD/samples/fuzz/$name") 2>&1 | tail -n 25 || bad=1
	found=1
done
[ "$found" = 1 ] || { echo "SKIP: no fuzz targets"; exit 77; }
exit "$bad"
