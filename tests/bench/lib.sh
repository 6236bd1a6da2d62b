# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Shared by the benchmarks. Figures are ratios within one run: the machine's own speed drops out.
. tests/support/lib.sh
BUILD=${BUILD:-build}

# cpu COMMAND…: the CPU seconds it took (user and system); its output goes to $T/bench.out.
cpu() {
	local TIMEFORMAT='%U %S'

	{ time "$@" >"$T/bench.out" 2>"$T/bench.err"; } 2>&1 | awk '{ print $1 + $2 }'
}
# wall COMMAND…: the seconds on the clock.
wall() {
	local TIMEFORMAT='%R'

	{ time "$@" >"$T/bench.out" 2>"$T/bench.err"; } 2>&1
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
