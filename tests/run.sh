#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Everything that checks penstock, in one command on a fresh Debian 12. Ends with a summary.
cd "$(dirname "$0")/.."
. tests/support/strict.sh

usage() {
	cat <<-EOF
	usage: tests/run.sh [--quick | --long | --mutate [KERN…] | --bench | --accept | --kernels [SERIES…] | --fresh [SUITE…]]
	  (nothing)  lint, unit, allocation, sanitizer, fuzz, replay, live and guide tests
	  --quick    lint, unit and replay tests only: no root needed
	  --long     all of them, with the slow matrices and longer fuzzing
	  --mutate   each kernel program (or those named) replaced by an empty one: its live tests must fail
	  --bench    speed and size, as ratios within one run (no assertions)
	  --accept   the black-box checks in ../shared/accept, where there are any
	  --fresh    a new Debian (bookworm, or those named, as trixie) in a folder, and in it README's build lines
	             and its two commands, on what is committed; keeps packages in ~/.cache/penstock-fresh
	  --kernels  the live tests inside Debian's kernels (5.10, 6.1 …; all, or those named) in QEMU;
	             downloads what is missing into ~/.cache/penstock-kernels, as root installs QEMU
	The build is in build/ (BUILD overrides), JOBS says how much at once. Live tests need root, and
	are skipped without.
	EOF
}

BUILD=$(realpath -m "${BUILD:-build}")
JOBS=${JOBS:-$(nproc)}

build() { # FOLDER [CMAKE OPTION]…
	cmake -S . -B "$1" -G Ninja -DWERROR=ON -DTESTS=ON "${@:2}" >/dev/null
	cmake --build "$1" -j "$JOBS"
}

# Whatever is written to a temporary place is in one of this run's own; what is left there is a failure.
tidy() {
	local status=$? left

	left=$(ls -A "$TMPDIR")
	rm -rf "$TMPDIR"
	[ -z "$left" ] || echo "FAIL: left behind among the temporary files: ${left//$'\n'/ }"
	[ -z "$left" ] || [ "$status" != 0 ] || status=1
	exit "$status"
}

# The tests that ctest selects with these options: as they come, then why some were skipped, then the summary.
tests() {
	local out=$BUILD/tests.out status=0

	ctest --test-dir "$BUILD" --output-on-failure --no-tests=error -j "$JOBS" "$@" 2>&1 |
		tee "$out" | sed -u '/% tests passed/,$d' || status=$?
	sed -nE 's/^(SKIP|skipped): /skipped: /p' "$BUILD/Testing/Temporary/LastTest.log" | sort | uniq -c
	sed -n '/% tests passed/,$p' "$out"
	awk '/^ *[0-9]+\/[0-9]+ Test +#/ { n[/\*\*\*Skipped/ ? "skipped" : / Passed / ? "passed" : "failed"]++ }
		END { printf "-- %d passed, %d failed, %d skipped\n", n["passed"], n["failed"], n["skipped"] }' "$out"
	exit "$status"
}

# kern/<x>.bpf.c is replaced by programs that do nothing; whoever claims to test it must notice.
mutate() {
	local name test out=$BUILD/mutate failed=0 names=("$@")

	[ $# -gt 0 ] || mapfile -t names < <(basename -s .bpf.c kern/*.bpf.c)
	for name in "${names[@]}"; do
		build "$out" -DMUTATE="$name" -DTESTS=OFF >"$out.log" || { cat "$out.log"; exit 1; }
		for test in $(grep -lE "^# kern:.*\\b$name\\b" tests/live/*.sh || echo none); do
			if [ "$test" = none ]; then
				echo "FAIL $name: no live test names it"
				failed=1
			elif ! PENSTOCK=$BUILD/penstock timeout 300 "$test" >"$out/test.out" 2>&1; then
				# a test that fails anyway, or is skipped, proves nothing
				echo "FAIL $name: $test does not pass with it: $(grep -m 1 -E '^(SKIP|FAIL)' "$out/test.out")"
				failed=1
			elif PENSTOCK=$out/penstock timeout 300 "$test" >"$out/test.out" 2>&1; then
				echo "FAIL $name: $test does not notice that it is empty"
				failed=1
			else
				echo "ok   $name: $test fails without it"
			fi
		done
	done
	exit "$failed"
}

accept() {
	local script failed=0

	[ -d ../shared/accept ] || { echo "SKIP: no ../shared/accept here"; exit 77; }
	for script in ${ACCEPT:-first-light}; do
		PENSTOCK=$BUILD/penstock "../shared/accept/$script.sh" || failed=1
	done
	exit "$failed"
}

bench() {
	local script

	export BUILD PENSTOCK=$BUILD/penstock
	echo "-- encoders"
	"$BUILD/tests/bench_encoders"
	for script in replay archive streams outage storm attach tls tls_calls; do
		echo "-- $script"
		"tests/bench/$script.sh"
	done
}

mode=${1:-}
case $mode in
'' | --quick | --long | --mutate | --bench | --accept | --kernels) ;;
--fresh) exec tests/fresh/run.sh "${@:2}" ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

command -v dpkg-query >/dev/null && samples/install-packages.sh build test
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/penstock-run.XXXXXX")
export TMPDIR
trap tidy EXIT
chmod 1777 "$TMPDIR" # nobody's programs are tested, too
build "$BUILD"
case $mode in
--quick) tests -L '^(lint|unit|replay)$' ;;
--mutate) mutate "${@:2}" ;;
--accept) accept ;;
--bench) bench ;;
--kernels) PENSTOCK=$BUILD/penstock tests/kernels/run.sh "${@:2}" || exit ;;
--long) PENSTOCK_LONG=1 tests ;;
*) tests ;;
esac
