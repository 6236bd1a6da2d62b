#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a test program again and again, each time one allocation failing: each that penstock's own code makes
(those of the tests themselves are left alone; debug information tells them apart).

The program may pass (the failure was handled) or fail an assertion of a test (the failure was reported to
the test). It may not crash, run into an assert of the program, hang, or leave files behind.
Usage: fail_each.py PRELOAD PROGRAM"""
import os
import re
import subprocess
import sys
import tempfile
import time

HANG = 30                                                  # seconds; the whole program takes a few at most
BUDGET = 600 if os.environ.get("PENSTOCK_LONG") else 8     # seconds for one program


def run(preload, program, report, n):
    with tempfile.TemporaryDirectory() as own:
        os.chmod(own, 0o755)
        env = dict(os.environ, LD_PRELOAD=preload, ALLOC_REPORT=report, ALLOC_FAIL=str(n), TMPDIR=own)
        done = subprocess.run([program], env=env, capture_output=True, timeout=HANG, stdin=subprocess.DEVNULL)
        left = os.listdir(own)
    crash = f"it leaves {left}" if left else None
    if done.returncode < 0:
        crash = f"signal {-done.returncode}"
    elif b"Test failed with exception" in done.stderr + done.stdout:   # cmocka catches SIGSEGV
        crash = "a crash that cmocka caught"
    return done, crash


def ours(program, sites):
    """The allocations that code outside tests/ makes: {number: file:line}."""
    unique = sorted(set(sites))
    lines = subprocess.run(["addr2line", "-e", program], input="\n".join(unique), capture_output=True, text=True,
                           check=True).stdout.splitlines()
    where = dict(zip(unique, lines))
    return {n: where[site] for n, site in enumerate(sites, 1) if "/tests/" not in where[site]}


def spread(numbers, one_run):
    """All of them, or as many evenly chosen ones as BUDGET has time for."""
    most = max(1, int(BUDGET / one_run))
    step = max(1, -(-len(numbers) // most))
    return numbers[::step]


def main():
    preload, program = sys.argv[1:]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        report = folder + "/report"
        start = time.monotonic()
        done, crash = run(preload, program, report, 0)
        if done.returncode == 77:
            print(f"SKIP: {os.path.basename(program)} is skipped itself")
            return 77
        if done.returncode or crash:
            print(f"{program} does not pass even with all its memory: {crash or done.returncode}")
            return 1
        where = ours(program, open(report).read().split()[2:])
        chosen = spread(list(where), time.monotonic() - start)
        for n in chosen:
            try:
                done, crash = run(preload, program, report, n)
            except subprocess.TimeoutExpired:
                crash = f"no end within {HANG} s"
            if crash:
                bad += 1
                print(f"allocation {n}, {os.path.relpath(where[n])}, fails: {crash}")
                print(*re.findall(r"\[  FAILED  \] [a-z]\w*|.*Assertion.*", (done.stdout + done.stderr).decode(errors="replace")),
                      sep="\n")
    print(f"{len(chosen)} of {len(where)} allocations failed in turn, {bad} of them badly")
    return 1 if bad else 0


sys.exit(main())
