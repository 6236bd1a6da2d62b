#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: postgres
# Statements of a real PostgreSQL server: each once, with whose it was, its rows or its error; any length, any bytes; many clients.
. tests/support/lib.sh
. tests/support/postgres.sh
need_root
postgres_need
need jq

postgres_start
# a connection that is open when penstock comes
mkfifo "$T/early"
sql -d "dbname=postgres application_name=early" <"$T/early" >"$T/early.out" &
exec 9>"$T/early"
echo "select '$NONCE-before', pg_backend_pid();" >&9
await 10 test -s "$T/early.out"

start record -p postgres -w "$T/a.jsonl" -w "$T/a.raw"
echo "select '$NONCE-early';" >&9
sql -c "create table t(i int primary key, s text); insert into t select g, '$NONCE-ins' from generate_series(1, 7) g" -c "select * from nosuch where '$NONCE-relation' = ''" \
	-c "select 1 / 0 as \"$NONCE-zero\"" -c "selec $NONCE-syntax" -c "update t set s = s where i < 4 /* $NONCE-upd */" 2>"$T/errors"
sql -c "begin; declare c cursor for select * from t /* $NONCE-declare */" -c "copy t to stdout /* $NONCE-out */" >/dev/null
sql <<EOF >/dev/null
begin;
declare c cursor for select * from t;
fetch 3 from c /* $NONCE-fetch */;
move 2 in c /* $NONCE-move */;
prepare p as select * from t where i > \$1;
execute p(5) /* $NONCE-sqlexec */;
commit;
copy t(i, s) from stdin /* $NONCE-in */;
100	secret-$NONCE
101	secret-$NONCE
\\.
create function f() returns int language plpgsql as 'begin perform 1; perform 2 from t; return (select count(*) from t); end';
select f() /* $NONCE-function */;
set application_name = 'renamed-$NONCE';
select '$NONCE-renamed';
EOF
for i in $(seq 0 15); do
	{ for j in $(seq 50); do echo "select '$NONCE-$((i * 50 + j))-x';"; done; } | sql >/dev/null &
	clients[i]=$!
done
wait "${clients[@]}"
sql -c "create database odd encoding 'SQL_ASCII' template template0"
tests/support/pgwire.py 127.0.0.1 "$PGPORT" odd "$NONCE" database=odd >"$T/odd"
"$PGBIN/pgbench" -h "$PGHOME" -U postgres -i -q postgres >/dev/null 2>&1
for mode in simple prepared; do
	"$PGBIN/pgbench" -h "$PGHOME" -U postgres -n -M "$mode" -c 4 -t 100 postgres >"$T/pgbench" 2>&1
done
sql -c "set debug_parallel_query = on" 2>/dev/null || sql -c "select 1" >/dev/null
sql -c "set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; explain analyze select count(*) from pgbench_accounts /* $NONCE-parallel */" >"$T/parallel"
sql -c "select '$NONCE-last'" >/dev/null
echo "\\q" >&9
exec 9>&-
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

one() { statements "$T/a.jsonl" ".sql.query | contains(\"$NONCE-$1\")" "$2"; }
check "who" "$(one last '"\(.sql.user) \(.sql.database) \(.sql.application) \(.sql.side) \(.sql.db_system) \(.conn.remote_addr) \(.conn.local_port) \(.conn.role) \(.process.comm) \(.sql.session == .process.pid)"')" \
	"postgres postgres psql server postgresql 127.0.0.1 $PGPORT server postgres true"
check "open before: who" "$(one early '"\(.sql.user) \(.sql.database) \(.sql.application) \(.sql.session)"')" "postgres postgres early $(cut -d'|' -f2 "$T/early.out" | head -n 1)"
check "several in one: rows of all" "$(one ins '"\(.sql.rows) \(.sql.results)"')" "7 2"
check "no such relation" "$(one relation '"\(.sql.sqlstate) \(.sql.error)"')" '42P01 relation "nosuch" does not exist'
check "division by zero" "$(one zero .sql.sqlstate)" 22012
check "syntax" "$(one syntax .sql.sqlstate)" 42601
check "rows of an update" "$(one upd .sql.rows)" 3
check "COPY out" "$(one out '"\(.sql.command) \(.sql.rows)"')" "query 7"
check "COPY in" "$(one in .sql.rows | sort -u | tr '\n' ' ')" "2 7 "
check "and what was copied in is not here" "$(cat "$T"/a.* | grep -c "secret-$NONCE")" 0
check "a cursor" "$(one fetch .sql.rows) $(one move .sql.rows)" "3 2"
check "EXECUTE in SQL" "$(one sqlexec .sql.rows)" 2
check "a function: its statements are its own" "$(one function '"\(.sql.rows) \(.sql.results)"')" "1 1"
check "application renamed" "$(one renamed .sql.application | sort -u | tr '\n' ' ')" "renamed-$NONCE "
check "800 statements of 16 clients, each once" "$(one '[0-9]+-x' . | wc -l; statements "$T/a.jsonl" '.sql.query | test("[0-9]+-x")' .sql.query | sort | uniq -c | awk '$1 == 1' | wc -l)" "0
800"
check "any bytes" "$(json "$T/a.jsonl" 'select(.type == "sql") | .sql.query_base64 // empty' | base64 -d | od -An -c | grep -c '377 376 303')" 1
for size in 1048575 1048576 1048577 16777216; do
	check "$size bytes" "$(one "$size-" '"\(.sql.query | length) \(.flags)"')" "$size null"
done
n=$(statements "$T/a.jsonl" '.sql.application == "pgbench" and (.sql.query | test("UPDATE pgbench_accounts"))' .sql.command | sort | uniq -c | tr -s ' \n' ' ')
check "pgbench, simple and prepared" "$n" " 400 execute 4 prepare 400 query "
check "its transactions" "$(statements "$T/a.jsonl" '.sql.application == "pgbench" and (.sql.query | test("^END"))' .sql.command | sort | uniq -c | tr -s ' \n' ' ')" " 400 execute 4 prepare 400 query "
check "values" "$(statements "$T/a.jsonl" '.sql.command == "execute" and (.sql.query | test("UPDATE pgbench_accounts"))' '.sql.params | length == 2 and (.[0] | test("^-?[0-9]+$"))' | sort | uniq -c | tr -s ' ')" " 400 true"
check "the Unix socket" "$(statements "$T/a.jsonl" '.sql.application == "pgbench"' .sql.client | sort -u)" "[local]"
at_least "parallel workers were at work" "$(grep -c 'Workers Launched: [1-9]' "$T/parallel")" 1
check "and repeat nothing" "$(one parallel .sql.command)" query
postgres_stop
done_testing
