#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks penstock.sql's questions of archives made of samples/raw. Usage: check.py FOLDER; 77 without DuckDB's module."""
import os
import pathlib
import sys

try:
    import duckdb
except ImportError:
    print("no module duckdb for this python3: pip install duckdb")
    sys.exit(77)

sql = pathlib.Path(__file__).with_name("penstock.sql").read_text()
os.chdir(sys.argv[1])
db = duckdb.connect()
db.execute(sql)


def ask(question):
    return db.sql(question).fetchall()


assert ("sh -c exit 3", 3) in ask("select command, status from ran"), ask("from ran")
assert ("(exit 42)", 42) in ask("select command, status from typed"), ask("from typed")
found = ask("select comm, method, target, status from requests where target = '/missing' and comm = 'nginx'")
assert found == [("nginx", "GET", "/missing", 404)], found
assert all(ms > 0 for (ms,) in ask("select ms from requests where ms is not null"))
assert ask("select count(*) from bytes where comm = 'nginx' and received > 0")[0][0] >= 1
assert ask("select count(*) from lost") == [(0,)]
assert ask("select count(*) from events where kind = 'meta'")[0][0] == len(list(pathlib.Path(".").glob("*.jsonl.zst")))
print("6 questions answered by DuckDB", duckdb.__version__)
