#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Statements of a real MySQL server, that of Debian sid: each once and as it went, with values, also those that have names; and under load
# when statements, penstock and the server are killed. Fetches the server: only with PENSTOCK_LONG.
. tests/support/lib.sh
. tests/support/mariadb.sh
. tests/support/mysql.sh
[ -n "${PENSTOCK_LONG:-}" ] || skip "fetches a server: tests/run.sh --long does it"
need_root
mariadb_need
need jq cc
need_header mariadb/mysql.h
cc -I/usr/include/mariadb tests/live/mysqld_calls.c -o "$T/calls" -lmariadb || exit 1
MYROOT=$(tests/support/mariadb_fetch.sh sid mysql 2>"$T/fetch") || { cat "$T/fetch"; exit 77; }
one() { statements "$T/$file.jsonl" ".sql.user == \"u\" and (.sql.query // \"\" | contains(\"$NONCE-$1\"))" "${2:-.sql.command}"; }
running() { [ "$(as_root -e "select count(*) from information_schema.processlist where info like '%$NONCE-$1%' and id <> connection_id()")" = 1 ]; }
id_of() { as_root -e "select id from information_schema.processlist where info like '%$NONCE-$1%' and id <> connection_id()"; }
load() { # NAME CLIENTS EACH: in the background, each statement with a number of its own
	clients=()
	for i in $(seq "$2"); do
		{ for j in $(seq "$3"); do echo "select '$NONCE-$1-$((i * $3 + j))-x';"; done; } | sql >"$T/answers.$i" &
		clients[i]=$!
	done
}
each_once() { one "$1-" .sql.query | sort | uniq -c | awk '$1 == 1' | wc -l; }

# ---- what can be asked, as it went
file=calls
mysql_start
as_root -e "create user u2@'127.0.0.1' identified by 'secret2-$NONCE'; grant all on *.* to u2@'127.0.0.1'; create user low@'127.0.0.1'; grant select on *.* to low@'127.0.0.1'"
sed '/execute immediate/d' tests/live/mysqld_calls.sql | as_root shop
start record --pid "$MYPID" -p mysqld -w "$T/calls.jsonl" -w "$T/calls.raw"
check "the program" "$("$T/calls" "$MYPORT" "$NONCE" mysql 2>&1; echo $?)" 0
holds "values with names" tests/support/mywire.py "$MYHOME/socket" "$NONCE"
check "its own client" "$(mysql_client -e "select 'own'")" own
as_root shop -e "insert into log values (1), (2); select f(); create trigger r before insert on t for each row insert into log values (new.i); insert into t(i) values (1000), (1001)" >/dev/null
as_root shop -e "prepare s from 'select i from t where i = ?'; set @a = 7; execute s using @a; alter table t add more int; execute s using @a; call again(); execute s using @a, @a" >/dev/null 2>&1
as_root -e "set global init_connect = 'select ''at $NONCE'''; create user new identified by 'secret3-$NONCE'"
mariadb --no-defaults -N -ulow -h127.0.0.1 -P"$MYPORT" -e "select 'last-$NONCE'" >/dev/null
seen "$T/calls.jsonl" "last-$NONCE"
stop
check "calls: exit status" "$STATUS" 0
json "$T/calls.jsonl" 'select(.type == "sql" and (.flags // [] | index("unfinished") | not)) | .sql |
	[.command, (if .outer_id then "inner" else "" end), .statement_id, (.query // .query_base64), .params, .rows, .rows_sent, .results, .error_code, .sqlstate, .user, .database]' |
	sed "s/$NONCE/N/g" >"$T/events"
holds "each statement, as it went" diff "$T/events" tests/live/mysql.txt
[ "$failures" = 0 ] || diff "$T/events" tests/live/mysql.txt
check "no password of a change of user is copied" "$(cat "$T"/calls.* | grep -c "secret2-$NONCE")" 0
check "no password and no attribute is told" "$(grep -cE "(secret3|hidden)-$NONCE" "$T/calls.jsonl")" 0
check "who" "$(json "$T/calls.jsonl" 'select(.type == "sql" and .sql.query == "select user()") | "\(.sql.user) \(.sql.client) \(.sql.side) \(.sql.db_system) \(.conn.remote_addr) \(.conn.local_port)"')" \
	"u2 127.0.0.1 server mysql 127.0.0.1 $MYPORT"
check "an id of a connection" "$(json "$T/calls.jsonl" 'select(.type == "sql") | .sql.session' | sort -u | grep -cE '^[0-9]{1,4}$')" 7
check "text of an error" "$(statements "$T/calls.jsonl" '.sql.error_code == 1049' .sql.error)" "Unknown database 'nosuchdb'"

# ---- a statement that runs and a connection that is open when penstock comes; killed ones; penstock killed at full load
file=harm
as_root -e "set global init_connect = ''"
sql -e "select sleep(60), '$NONCE-late'; select '$NONCE-early'" >/dev/null 2>&1 &
late=$!
await 10 running late
start record -p mysqld -w "$T/harm.jsonl"
as_root -e "kill query $(id_of late)"
wait "$late"
for how in query connection; do
	sql -e "select i from t where sleep(60) or '$NONCE-$how' = ''" >"$T/client" 2>&1 &
	client=$!
	await 10 running "$how"
	as_root -e "kill $how $(id_of "$how")"
	wait "$client"
done
load load 16 50
wait "${clients[@]}"
for size in 1048576 16777216; do
	python3 -c 'import sys; s = "select length(\"%s-%s-" % (sys.argv[2], sys.argv[1]); print(s + "z" * (int(sys.argv[1]) - len(s) - 2) + "\")", end=";")' "$size" "$NONCE" | sql >/dev/null
done
sql -e "select '$NONCE-last'" >/dev/null
seen "$T/harm.jsonl" "$NONCE-last"
load first 8 1000
await 10 test -s "$T/answers.7"
stop KILL
wait "${clients[@]}"
check "the server has answered all" "$(cat "$T"/answers.* | grep -c -- -first-)" 8000
check "it is the same server" "$(alive "$MYPID" && echo yes)" yes
check "a statement that ran before" "$(one late '"\(.sql.user) \(.sql.error_code) \(.sql.rows_sent) \(.flags)"')" 'u null 1 ["in_progress"]'
check "open before" "$(one early '"\(.sql.user) \(.sql.database) \(.sql.rows_sent) \(.conn.remote_addr)"')" "u shop 1 127.0.0.1"
check "KILL QUERY" "$(one query '"\(.sql.error_code) \(.sql.sqlstate)"')" "1317 70100"
check "KILL" "$(one connection)" query
check "800 statements of 16 clients, each once" "$(each_once load)" 800
for size in 1048576 16777216; do
	check "$size bytes" "$(one "$size-" '"\(.sql.query | length) \(.flags)"')" "$size null"
done
check "no repeats" "$(one last .sql.command)" query

# ---- the server is killed
file=server
start record -p mysqld -w "$T/server.jsonl"
sql -e "select sleep(60), '$NONCE-server'" >/dev/null 2>&1 &
client=$!
await 10 running server
kill -KILL "$MYPID"
wait "$client" "$MYPID" 2>/dev/null
mysql_start
sql -e "select '$NONCE-again'" >/dev/null
seen "$T/server.jsonl" "$NONCE-again"
stop
check "exit status" "$STATUS" 0
check "killed with its server" "$(json "$T/server.jsonl" 'select(.type == "sql" and (.sql.query // "" | contains($n + "-server"))) | .flags[0]' | tail -n 1)" unfinished
check "and not repeated by the next one" "$(one again '"\(.sql.user) \(.sql.rows_sent)"')" "u 1"
done_testing
