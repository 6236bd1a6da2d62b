#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a test program again and again, each time one allocation failing: each that penstock's own code makes
(those of the tests themselves are left alone; debug information tells them apart).

The program may pass (the failure was handled) or fail an assertion of a test (the failure was reported to
the test). It may not crash, run into an assert of the program, hang, or leave files behind.
Usage: fail_each.py PRELOAD PROGRAM"""
import collections
import os
import re
import subprocess
import sys
import tempfile
import time

HANG = 30                                                  # seconds; the whole program takes a few at most
BUDGET = 600 if os.environ.get("PENSTOCK_LONG") else 2     # seconds for one program


def run(preload, program, report, which):
    with tempfile.TemporaryDirectory() as own:
        os.chmod(own, 0o755)
        env = dict(os.environ, LD_PRELOAD=preload, ALLOC_REPORT=report, ALLOC_FAIL=which, TMPDIR=own)
        done = subprocess.run([program], env=env, capture_output=True, timeout=HANG, stdin=subprocess.DEVNULL)
        left = os.listdir(own)
    crash = f"it leaves {left}" if left else None
    if done.returncode < 0:
        crash = f"signal {-done.returncode}"
    elif b"Test failed with exception" in done.stderr + done.stdout:   # cmocka catches SIGSEGV
        crash = "a crash that cmocka caught"
    return done, crash


def ours(program, sites):
    """The allocations that code outside tests/ makes: {(site, the how manieth there): file:line}."""
    unique = sorted(set(sites))
    lines = subprocess.run(["addr2line", "-e", program], input="\n".join(unique), capture_output=True, text=True,
                           check=True).stdout.splitlines()
    where = dict(zip(unique, lines))
    seen = collections.Counter()
    found = {}
    for site in sites:
        seen[site] += 1
        if "/tests/" not in where[site]:
            found[site, seen[site]] = where[site]
    return found


def spread(found, one_run):
    """All of them, or as many as BUDGET has time for: the first of each site, then evenly chosen ones."""
    most = max(1, int(BUDGET / one_run))
    first = [which for which in found if which[1] == 1][:most]
    later = [which for which in found if which[1] > 1]
    step = max(1, -(-len(later) // max(1, most - len(first))))
    return first + later[::step][:most - len(first)]


def main():
    preload, program = sys.argv[1:]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        report = folder + "/report"
        start = time.monotonic()
        done, crash = run(preload, program, report, "")
        if done.returncode == 77:
            print(f"SKIP: {os.path.basename(program)} is skipped itself")
            return 77
        if done.returncode or crash:
            print(f"{program} does not pass even with all its memory: {crash or done.returncode}")
            return 1
        where = ours(program, open(report).read().split()[2:])
        chosen = spread(list(where), time.monotonic() - start)
        for which in chosen:
            try:
                done, crash = run(preload, program, report, "%s:%d" % which)
            except subprocess.TimeoutExpired:
                crash = f"no end within {HANG} s"
            if crash:
                bad += 1
                print(f"allocation {which[1]} of {os.path.relpath(where[which])} fails: {crash}")
                print(*re.findall(r"\[  FAILED  \] [a-z]\w*|.*Assertion.*", (done.stdout + done.stderr).decode(errors="replace")),
                      sep="\n")
    print(f"{len(chosen)} of {len(where)} allocations failed in turn, {bad} of them badly")
    return 1 if bad else 0


sys.exit(main())
