#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: libmariadb
# Statements of programs that use MariaDB Connector/C; also of one that uses it without blocking, on stacks of the library's: it must live.
. tests/support/lib.sh
. tests/support/mariadb.sh
need_root
mariadb_need
need jq cc
need_header mariadb/mysql.h
for name in async calls; do
	cc -I/usr/include/mariadb "tests/live/libmariadb_$name.c" -o "$T/$name" -lmariadb || exit 1
done

mariadb_start
sql -e "create table t(i int primary key)"
as_root -e "create procedure shop.p() select 1 union select 2 union select 3; create user v@'127.0.0.1' identified by 'wordpass'; grant all on *.* to v@'127.0.0.1'"
start record --ring-size 64M -p "libmariadb,path=$(command -v mariadb)" -w "$T/a.jsonl"
check "a program without blocking" "$("$T/async" "$MYPORT" "$NONCE" 2>&1; echo $?)" $'waits 1\n0'
check "a program that sends in every way" "$("$T/calls" "$MYPORT" "$NONCE" 2>&1; echo $?)" $'Duplicate entry \'100\' for key \'PRIMARY\'\n0'
sql -e "insert into t values (1), (length('$NONCE-ins')); update t set i = i + 1000 where i < 99 and '$NONCE-upd' <> ''"
sql -e "select * from nosuch where '$NONCE-nosuch' = ''" 2>/dev/null
for i in $(seq 0 7); do
	{ for j in $(seq 50); do echo "select '$NONCE-$((i * 50 + j))-x';"; done; } | sql >/dev/null &
	clients[i]=$!
done
wait "${clients[@]}"
sql -e "select '$NONCE-last'" >/dev/null
seen "$T/a.jsonl" "$NONCE-last"
stop
check "exit status" "$STATUS" 0

one() { statements "$T/a.jsonl" "(.sql.query // \"\") | contains(\"$1\")" "$2"; }
call() { statements "$T/a.jsonl" ".process.comm == \"calls\" and ($1)" "$2" | tr '\n' ' '; }
check "who" "$(one "$NONCE-last" '"\(.sql.user) \(.sql.database) \(.sql.side) \(.sql.db_system) \(.conn.remote_addr) \(.conn.remote_port) \(.conn.role) \(.process.comm) \(.sql.rows_sent)"')" \
	"u shop client mysql 127.0.0.1 $MYPORT client mariadb 1"
check "without blocking: 100 statements, each once, one row each" "$(one "$NONCE-co-" '"\(.sql.query) \(.sql.rows_sent)"' | grep ' 1$' | sort -u | wc -l) $(one "$NONCE-co-" 1 | wc -l)" "100 100"
check "and their duration" "$(one "$NONCE-co-" 'select(.duration_ns < 1000000)' | wc -l)" 0
check "400 statements of 8 clients, each once" "$(statements "$T/a.jsonl" ".sql.query // \"\" | test(\"$NONCE-[0-9]+-x\")" .sql.query | sort | uniq -c | awk '$1 == 1' | wc -l)" 400
check "inserted" "$(one "$NONCE-ins" .sql.rows)" 2
check "updated" "$(one "$NONCE-upd" .sql.rows)" 2
check "an error" "$(one "$NONCE-nosuch" '"\(.sql.error_code) \(.sql.sqlstate) \(.sql.error)"')" "1146 42S02 Table 'shop.nosuch' doesn't exist"
check "prepared" "$(call '.sql.command == "prepare" and (.sql.query | startswith("insert"))' .sql.query)" "insert into t values(?) /* $NONCE-prepared */ "
check "executed" "$(call '.sql.command == "execute" and (.sql.query | startswith("insert"))' '"\(.sql.error_code // .sql.rows):\(.sql.params | join(","))"')" "1:100 1:101 1:102 1062:100 "
check "values of every type that is written" "$(call '.sql.command == "execute" and (.sql.query | startswith("select"))' '.sql.params')" '["-9000000000000000000","18446744073709551615","text",null,"-128"] '
check "several results: one statement" "$(call '.sql.query // "" | startswith("call shop.p")' '"\(.sql.rows_sent) \(.sql.results)"')" "3 2 "
check "whose end nobody asks for" "$(call '.sql.query // "" | startswith("do sleep")' '.duration_ns < 100000000')" "true "
check "another user" "$(call '.sql.command == "change_user"' '"\(.sql.user) \(.sql.database) \(.sql.error_code // 0)"')" "v mysql 0 "
check "no password" "$(grep -c wordpass "$T/a.jsonl")" 0
check "row by row" "$(call ".sql.query // \"\" | contains(\"$NONCE-use\")" .sql.rows_sent)" "3 "
check "sent, and read later" "$(call ".sql.query // \"\" | contains(\"$NONCE-sent\")" .sql.rows_sent)" "1 "
check "other database" "$(call '.sql.command == "database"' '"\(.sql.query) \(.sql.error_code // 0)"')" "mysql 0 nosuchdb 1049 "
check "1 MiB" "$(call '.sql.query // "" | startswith("select '"'"'xxxx")' '.sql.query | length')" "1048576 "
mariadb_stop
done_testing
