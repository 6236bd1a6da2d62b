#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a test program again and again, its n-th allocation failing, n = 1, 2, … until it makes fewer than n.

It may pass (the failure was handled) or fail an assertion of the test (the failure was reported to the
test). It may not crash, run into an assert of the program, or hang.
Usage: fail_each.py PRELOAD PROGRAM"""
import os
import subprocess
import sys
import tempfile
import time

HANG = 30                                                  # seconds; the whole program takes a few at most
BUDGET = 600 if os.environ.get("PENSTOCK_LONG") else 8     # seconds for one program


def run(preload, program, report, n):
    env = dict(os.environ, LD_PRELOAD=preload, ALLOC_REPORT=report, ALLOC_FAIL=str(n))
    done = subprocess.run([program], env=env, capture_output=True, timeout=HANG, stdin=subprocess.DEVNULL)
    crash = None
    if done.returncode < 0:
        crash = f"signal {-done.returncode}"
    elif b"Test failed with exception" in done.stderr + done.stdout:   # cmocka catches SIGSEGV
        crash = "a crash that cmocka caught"
    return done, crash


def main():
    preload, program = sys.argv[1:]
    bad, step, tried = 0, 1, 0
    with tempfile.TemporaryDirectory() as folder:
        report = folder + "/report"
        done, crash = run(preload, program, report, 0)
        if done.returncode == 77:
            print(f"SKIP: {os.path.basename(program)} is skipped itself")
            return 77
        if done.returncode or crash:
            print(f"{program} does not pass even with all its memory: {crash or done.returncode}")
            return 1
        total = int(open(report).read().split()[0])
        n, end = 1, time.monotonic() + BUDGET
        while n <= total:
            tried += 1
            try:
                done, crash = run(preload, program, report, n)
            except subprocess.TimeoutExpired:
                crash = f"no end within {HANG} s"
            if crash:
                bad += 1
                print(f"allocation {n} of {total} fails: {crash}")
                print((done.stdout + done.stderr).decode(errors="replace")[-600:])
            left = end - time.monotonic()
            if left < BUDGET / 2:    # more than fit: spread what is left of the time over what is left of them
                step = max(1, int((total - n) * (BUDGET - left) / tried / max(left, 0.1)))
            n += step
    print(f"{tried} of {total} allocations failed in turn, {bad} of them badly")
    return 1 if bad else 0


sys.exit(main())
