#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: libpq
# Statements of programs that use libpq, as the programs see them: each once, its rows or error, whose it is; whatever the way that it is sent.
. tests/support/lib.sh
. tests/support/postgres.sh
need_root
postgres_need
need jq cc
need_header postgresql/libpq-fe.h
cc -I/usr/include/postgresql tests/live/libpq_calls.c -o "$T/calls" -lpq || exit 1

postgres_start
cc -I/usr/include/postgresql tests/live/libpq_stacks.c -o "$T/stacks" -rdynamic -lpq || exit 1
start record --ring-size 64M -p libpq -p postgres -w "$T/a.jsonl"
check "a program that sends in every way" "$("$T/calls" "host=127.0.0.1 port=$PGPORT user=postgres dbname=postgres" "$NONCE" 2>&1; echo $?)" 0
check "stacks that change in the middle of calls" "$("$T/stacks" "host=127.0.0.1 port=$PGPORT user=postgres dbname=postgres" "$NONCE" 2>&1; echo $?)" $'switched 1\n0'
sql -c "create table t(i int, s text); insert into t select g, '$NONCE-ins' from generate_series(1, 7) g" -c "select * from nosuch where '$NONCE-relation' = ''" \
	-c "update t set s = s where i < 4 /* $NONCE-upd */" >/dev/null 2>&1
psql -X -q -h "$PGHOME" -U postgres -d postgres -c "select '$NONCE-unix'" >/dev/null
for i in $(seq 0 7); do
	{ for j in $(seq 50); do echo "select '$NONCE-$((i * 50 + j))-x';"; done; } | sql >/dev/null &
	clients[i]=$!
done
wait "${clients[@]}"
{ printf "select length('%s-large" "$NONCE" && head -c 1048576 /dev/zero | tr '\0' y && echo "');"; } | sql >/dev/null
"$PGBIN/pgbench" -h "$PGHOME" -U postgres -i -q postgres >/dev/null 2>&1
"$PGBIN/pgbench" -h "$PGHOME" -U postgres -n -M prepared -c 2 -t 50 postgres >"$T/pgbench" 2>&1
sql -c "select '$NONCE-last'" >/dev/null
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

side() { statements "$T/a.jsonl" ".probe == \"libpq\" and ($1)" "$2"; }
one() { side "(.sql.query // \"\") | contains(\"$1\")" "$2"; }
check "who" "$(one "$NONCE-last" '"\(.sql.user) \(.sql.database) \(.sql.side) \(.sql.db_system) \(.conn.remote_addr) \(.conn.remote_port) \(.conn.role) \(.process.comm)"')" \
	"postgres postgres client postgresql 127.0.0.1 $PGPORT client psql"
check "over a Unix socket" "$(one "$NONCE-unix" '"\(.sql.user) \(.conn.remote_addr) \(.sql.rows)"')" "postgres null 1"
check "several in one: rows of all" "$(one "$NONCE-ins" '"\(.sql.rows) \(.sql.results)"')" "7 2"
check "no such relation" "$(one "$NONCE-relation" '"\(.sql.sqlstate) \(.sql.error)"')" '42P01 relation "nosuch" does not exist'
check "rows of an update" "$(one "$NONCE-upd" .sql.rows)" 3
check "400 statements of 8 clients, each once" "$(side ".sql.query // \"\" | test(\"$NONCE-[0-9]+-x\")" .sql.query | sort | uniq -c | awk '$1 == 1' | wc -l)" 400
check "1 MiB" "$(one "$NONCE-large" '"\(.sql.query | length) \(.sql.rows)"')" "$((1048576 + 15 + ${#NONCE} + 6 + 3)) 1"
call() { side ".process.comm == \"calls\" and ($1)" "$2" | tr '\n' ' '; }
text() { call "(.sql.query // \"\") | contains(\"$1\")" "$2"; }
check "PQexec" "$(text "'exec'" '"\(.sql.command) \(.sql.rows)"')" "query 1 "
check "PQexecParams" "$(text "'params'" '"\(.sql.command) \(.sql.rows)"')" "execute 1 "
check "PQprepare" "$(call '.sql.command == "prepare" and (.sql.query | contains("generate_series(1, $1"))' '"\(.sql.command) \(.sql.statement_name)"')" "prepare named "
check "PQexecPrepared" "$(call '.sql.command == "execute" and .sql.statement_name == "named"' '"\(.sql.rows) \(.sql.params) \(.sql.query | contains("generate_series(1, $1::int)"))"')" '7 ["7"] true '
check "values: text, NULL, bytes, one that is cut" "$(text "'values'" '.sql.params | "\(.[:3]) \(.[3] | length)"')" '["a b",null,"\u0001\u0002"] 511 '
check "a pipeline of 500" "$(text deep .sql.rows | wc -w) $(text deep .sql.rows | tr ' ' '\n' | sort | uniq -c | tr -s ' \n' ' ')" "500  500 1 "
check "nobody looks at the result, and then nothing is called" "$(text "'ignored'" '"\(.sql.rows) \(.duration_ns < 100000000)"')" "1 true "
check "an error in the second" "$(text 'select 2 from nosuch' '"\(.sql.sqlstate) \(.sql.query)"')" "42P01 select 1; select 2 from nosuch "
check "asynchronous, and its duration" "$(text "'async'" '"\(.sql.rows) \(.duration_ns > 50000000 and .duration_ns < 2000000000)"')" "1 true "
check "row by row" "$(text "'single'" .sql.rows)" "5 "
check "in a pipeline" "$(text piped '.sql.sqlstate // .sql.rows')" "4 4 4 22012 "
check "one that libpq refuses is none" "$(text "'first'" .sql.rows)$(text "'refused'" .sql.query)" "1 "
check "stacks: each its own result" "$(side '.process.comm == "stacks"' '"\(.sql.query | capture("series.1, (?<n>[0-9]+)").n) \(.sql.rows)"' | awk '$1 == $2' | wc -l)" 100
check "pgbench: prepared statements" "$(side '.process.comm == "pgbench" and .sql.command == "execute"' .sql.command | wc -l)" 700
ends() { statements "$T/a.jsonl" ".probe == \"$1\" and (.sql.query // \"\" | test(\"$NONCE-[0-9]+-x\"))" "\"\\(.sql.query) $2\"" | sort; }
check "both ends are of one connection" "$(ends libpq '\(.conn.local_port) \(.conn.remote_port)' | cmp - <(ends postgres '\(.conn.remote_port) \(.conn.local_port)') && echo same)" same
check "nothing is lost" "$(json "$T/a.jsonl" 'select(.type == "loss")' | wc -l)" 0
postgres_stop
done_testing
