#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: postgres
# A PostgreSQL server under load when things go wrong: backends and clients killed, penstock killed, the program replaced, a pooler
# in front, a server that lacks a symbol.
. tests/support/lib.sh
. tests/support/postgres.sh
need_root
postgres_need
need jq pgbouncer unshare

postgres_start
"$PGBIN/pgbench" -h "$PGHOME" -U postgres -i -q postgres >/dev/null 2>&1
start record -p postgres -w "$T/a.jsonl"
busy() { statements "$T/a.jsonl" . .sql.query; }
running() { [ "$(sql -c "select count(*) from pg_stat_activity where query like '%$NONCE-$1%' and state = 'active' and pid <> pg_backend_pid()")" = 1 ]; }

# a backend ended by its administrator, by a signal of its client, and a client that is killed
for how in terminated cancelled; do
	sql -c "select pg_sleep(60), '$NONCE-$how'" 2>/dev/null &
	client=$!
	await 10 running "$how"
	act=pg_terminate_backend
	[ "$how" = terminated ] || act=pg_cancel_backend
	sql -c "select $act(pid) from pg_stat_activity where query like '%$NONCE-$how%' and pid <> pg_backend_pid()" >/dev/null
	wait "$client"
done
sql -c "select pg_sleep(1), '$NONCE-clientless' || (select count(*) from pg_class)" >/dev/null 2>&1 &
client=$!
await 10 running clientless
kill -KILL "$client"
wait "$client" 2>/dev/null
await 10 has "$T/a.jsonl" "$NONCE-clientless"

# PgBouncer: 4 clients, 2 connections to the server
port=$(free_port)
cat >"$PGHOME/bouncer.ini" <<EOF
[databases]
postgres = host=127.0.0.1 port=$PGPORT
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
logfile = $PGHOME/bouncer.log
EOF
sed -i "s/^postgres = .*/& user=postgres/" "$PGHOME/bouncer.ini"
setpriv --reuid=postgres --regid=postgres --init-groups env LC_ALL=C pgbouncer -q "$PGHOME/bouncer.ini" >"$PGHOME/bouncer.out" 2>&1 &
bouncer=$!
children+=("$bouncer")
pooled() { "$PGBIN/pgbench" -h 127.0.0.1 -p "$port" -U postgres -n -S "$@" postgres >"$T/pooled" 2>&1; }
holds "PgBouncer answers" await 10 pooled -c 1 -t 1
for mode in simple extended; do pooled -M "$mode" -c 4 -t 200; done

# a backend that is killed takes all others with it
sql -c "select pg_sleep(60), '$NONCE-killed'" 2>/dev/null &
client=$!
await 10 running killed
kill -KILL "$(sql -c "select pid from pg_stat_activity where query like '%$NONCE-killed%' and pid <> pg_backend_pid()")"
wait "$client"
holds "the server is back" await 15 postgres_answers
sql -c "select '$NONCE-last'" >/dev/null
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0
one() { statements "$T/a.jsonl" ".sql.query | test(\"pg_sleep.*$NONCE-$1\")" "$2"; }
check "terminated" "$(one terminated .sql.sqlstate)" 57P01
check "cancelled" "$(one cancelled .sql.sqlstate)" 57014
# it may end, or the backend go with the client before it does: told in either case
check "its client killed" "$(json "$T/a.jsonl" 'select(.type == "sql" and (.sql.query | test("pg_sleep.*-clientless"))) | .sql.id' | sort -u | wc -l)" 1
check "the backend killed: told once, as never ended" "$(json "$T/a.jsonl" 'select(.type == "sql" and (.sql.query | test("pg_sleep.*-killed"))) | "\(.sql.sqlstate) \(.flags)"' | sort -u)" 'null ["unfinished"]'
count() { statements "$T/a.jsonl" '.sql.query | startswith("SELECT abalance")' '"\(.sql.command) \(.sql.rows)"' | sort | uniq -c | tr -s ' \n' ' '; }
check "through PgBouncer" "$(count)" " 800 execute 1 801 query 1 "

# penstock killed under load: the server answers on, and another penstock sees what goes on
"$PGBIN/pgbench" -h "$PGHOME" -U postgres -n -S -M prepared -c 4 -T 120 postgres >"$T/load" 2>&1 &
load=$!
children+=("$load")
start record -p postgres -w "$T/b.jsonl"
await 10 has "$T/b.jsonl" "SELECT abalance"
stop KILL 2>/dev/null
start record -p postgres -w "$T/c.jsonl"
seen "$T/c.jsonl" "SELECT abalance"
holds "the load goes on" alive "$load"
check "and nothing has failed" "$(grep -ciE 'error|fail|abort' "$T/load")" 0
kill -TERM "$load"
wait "$load"
stop
check "the next one: exit status" "$STATUS" 0
check "who it was, of connections that were open before" "$(statements "$T/c.jsonl" '.sql.command == "execute"' '"\(.sql.user) \(.sql.database) \(.sql.application) \(.sql.client)"' | sort -u)" "postgres postgres pgbench [local]"
# of each, one may have run and one have been bound before
at_least "only whole statements" "$(statements "$T/c.jsonl" '.sql.command == "execute" and .sql.rows == 1 and (.sql.params | length == 1)' . | wc -l)" \
	"$(($(statements "$T/c.jsonl" '.sql.command == "execute"' . | wc -l) - 8))"
kill -TERM "$bouncer"
wait "$bouncer"
postgres_stop

# a server of another file, which is replaced while it is attached
mkdir "$T/bin"
cp "$PGBIN"/* "$T/bin"
# shellcheck disable=SC2016 # the inner shell's
PGWRAP=(unshare -m sh -c 'mount --bind "$1" "$2" && shift 2 && exec "$@"' sh "$T/bin" "$PGBIN")
postgres_start
start record -p postgres -w "$T/d.jsonl"
cp "$T/bin/postgres" "$T/bin/new" && mv "$T/bin/new" "$T/bin/postgres"
sql -c "select '$NONCE-replaced'" >/dev/null
seen "$T/d.jsonl" "$NONCE-replaced"
postgres_stop
postgres_start
upgraded() { sql -c "select '$NONCE-upgraded'" >/dev/null && sleep 0.2 && has "$T/d.jsonl" "$NONCE-upgraded"; }
holds "the new file is attached" await 15 upgraded
sql -c "select '$NONCE-once'" >/dev/null
seen "$T/d.jsonl" "$NONCE-once"
stop
check "each once" "$(statements "$T/d.jsonl" '.sql.query | test("once|replaced")' .sql.rows | tr '\n' ' ')" "1 1 "
postgres_stop

# a server that lacks a symbol
python3 - "$PGBIN/postgres" "$T/bin/lacking" <<'EOF'
import sys
data = open(sys.argv[1], "rb").read()
assert b"\0SaveCachedPlan\0" in data
open(sys.argv[2], "wb").write(data.replace(b"\0SaveCachedPlan\0", b"\0SaveCachedPlaX\0"))
EOF
run record -p "postgres,path=$T/bin/lacking" -w "$T/e.jsonl"
check "a symbol is missing" "$STATUS" 3
holds "and it says which" grep -q "lacking.*'SaveCachedPlan'" "$T/log"
done_testing
