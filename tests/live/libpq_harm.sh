#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: libpq
# Clients of PostgreSQL when things go wrong: killed in mid-query, ended by the server, forked, and penstock killed under load: they go on.
. tests/support/lib.sh
. tests/support/postgres.sh
need_root
postgres_need
need jq
/usr/bin/python3 -c 'import psycopg2' 2>/dev/null || skip "no psycopg2 on this machine"

postgres_start
"$PGBIN/pgbench" -h "$PGHOME" -U postgres -i -q postgres >/dev/null 2>&1
start record -p libpq -w "$T/a.jsonl"
sql -c "select pg_sleep(60), '$NONCE-killed'" >/dev/null 2>&1 &
victim=$!
children+=("$victim")
backend() { sql -c "select pid from pg_stat_activity where query like '%$NONCE-$1%' and pid <> pg_backend_pid()"; }
asleep() { [ -n "$(backend "$1")" ]; }
await 10 asleep killed
kill -KILL "$(pgrep -P "$victim" -x psql || echo "$victim")"
sql -c "select pg_sleep(60), '$NONCE-terminated'" >/dev/null 2>&1 &
terminated=$!
await 10 asleep terminated
sql -c "select pg_terminate_backend($(backend terminated))" >/dev/null
wait "$terminated"
/usr/bin/python3 - "host=127.0.0.1 port=$PGPORT user=postgres dbname=postgres" "$NONCE" <<'EOF'
import os, select, sys
import psycopg2, psycopg2.extensions
c = psycopg2.connect(sys.argv[1])
c.autocommit = True
cur = c.cursor()
cur.execute("select %s", (sys.argv[2] + "-parent",))
if not os.fork():
    cur.execute("select %s", (sys.argv[2] + "-child",))
    os._exit(0)
os.wait()
with open("/dev/null", "w") as out:
    cur.copy_expert("copy (select generate_series(1, 9)) to stdout /* " + sys.argv[2] + "-copy */", out)
def wait(conn):
    while True:
        state = conn.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        select.select([conn], [], [], 1)
psycopg2.extensions.set_wait_callback(wait)
g = psycopg2.connect(sys.argv[1])
gcur = g.cursor()
gcur.execute("select generate_series(1, 3), %s", (sys.argv[2] + "-green",))
assert len(gcur.fetchall()) == 3
EOF
check "the program in Python" "$?" 0
sql -c "select '$NONCE-last'" >/dev/null
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0
one() { statements "$T/a.jsonl" ".sql.query | contains(\"$NONCE-$1\")" "$2"; }
check "killed in mid-query: no end, and no result" "$(json "$T/a.jsonl" 'select(.type == "sql" and (.sql.query | startswith("select pg_sleep(60)") and contains("-killed"))) | "\(.flags) \(.sql.rows)"' | sort -u)" '["unfinished"] null'
check "ended by the server" "$(one terminated 'select(.sql.query | startswith("select pg_sleep")) | .sql.sqlstate')" 57P01
check "a fork: each its own" "$(one parent '"\(.sql.rows) \(.conn.remote_port)"') $(one child '"\(.sql.rows) \(.conn.remote_port)"')" "1 $PGPORT 1 $PGPORT"
check "in two processes" "$(statements "$T/a.jsonl" '.sql.query | test("-(parent|child)")' .process.pid | sort -u | wc -l)" 2
check "COPY" "$(one copy .sql.rows)" 9
check "by way of a callback that waits" "$(one green .sql.rows)" 3

start record -p libpq -w "$T/b.jsonl"
"$PGBIN/pgbench" -h "$PGHOME" -U postgres -n -S -M prepared -c 4 -T 2 postgres >"$T/pgbench" 2>&1 &
bench=$!
seen "$T/b.jsonl" pgbench_accounts
stop KILL
wait "$bench"
check "penstock is killed: its clients go on" "$? $(grep -c 'number of failed transactions: 0' "$T/pgbench")" "0 1"
postgres_stop
done_testing
