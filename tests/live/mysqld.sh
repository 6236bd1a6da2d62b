#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: mysqld
# Statements of a real MariaDB server: each once, with whose it was, its rows or its error; any length; inner ones; many clients, by a
# thread for each and by a pool of threads. With --long also on the server of Debian 13.
. tests/support/lib.sh
. tests/support/mariadb.sh
need_root
mariadb_need
need jq
one() { statements "$T/a.jsonl" ".sql.query | contains(\"$NONCE-$1\")" "$2"; }

examine() { # NAME [ROOT] [OPTION…]
	local name=$1 i j clients=() size

	shift
	mariadb_start "$@"
	as_root shop <<-EOF
		drop table if exists t;
		drop procedure if exists p;
		create table t(i int primary key, s varchar(99));
		delimiter //
		create procedure p() begin select 'inner-$NONCE'; insert into t values(50,'in2-$NONCE'),(51,'y'); do sleep(0.3); update t set s='in3-$NONCE' where i = 50; end//
	EOF
	start record --pid "$MYPID" -p mysqld -w "$T/a.jsonl"
	for i in $(seq 0 15); do
		{ for j in $(seq 50); do echo "select '$NONCE-$((i * 50 + j))-x';"; done; } | sql >/dev/null &
		clients[i]=$!
	done
	wait "${clients[@]}"
	for statement in "select * from nosuch where '$NONCE-relation' = ''" "selec '$NONCE-syntax'" "insert into t values (7, '$NONCE-ins'), (8, 'b')" \
		"update t set s = '$NONCE-upd'" "select i from t where '$NONCE-rows' <> ''"; do
		sql -e "$statement" >/dev/null 2>"$T/errors"
	done
	sql -e "call p() /* $NONCE-call */" >/dev/null
	sql -e "prepare s from 'select ?, ''$NONCE-inner'' from t'; set @a = 5; execute s using @a /* $NONCE-execute */" >/dev/null
	for size in 1048575 1048576 1048577 16777216; do
		python3 -c 'import sys; s = "select length(\"%s-%s-" % (sys.argv[2], sys.argv[1]); print(s + "z" * (int(sys.argv[1]) - len(s) - 2) + "\")", end=";")' \
			"$size" "$NONCE" | sql >/dev/null
	done
	as_root -e "select '$NONCE-last'" >/dev/null
	seen "$T/a.jsonl" "$NONCE-last"
	stop INT
	check "$name: exit status" "$STATUS" 0
	check "$name: 800 statements of 16 clients, each once" "$(statements "$T/a.jsonl" '.sql.query | test("[0-9]+-x")' .sql.query | sort | uniq -c | awk '$1 == 1' | wc -l)" 800
	check "$name: who" "$(one ins '"\(.sql.user) \(.sql.database) \(.sql.client) \(.sql.side) \(.sql.db_system) \(.conn.remote_addr) \(.conn.local_port)"')" \
		"u shop 127.0.0.1 server $(one ins .sql.db_system) 127.0.0.1 $MYPORT"
	check "$name: no such table" "$(one relation '"\(.sql.error_code) \(.sql.sqlstate) \(.sql.error)"')" "1146 42S02 Table 'shop.nosuch' doesn't exist"
	check "$name: syntax" "$(one syntax '"\(.sql.error_code) \(.sql.sqlstate)"')" "1064 42000"
	check "$name: affected rows" "$(one ins .sql.rows) $(one upd .sql.rows)" "2 2"
	check "$name: rows sent" "$(one rows .sql.rows_sent)" 2
	check "$name: a procedure's statements" "$(statements "$T/a.jsonl" '.sql.command == "statement" and (.sql.query | test("in(ner|2|3)-'"$NONCE"'"))' '"\(.sql.rows) \(.sql.rows_sent)"')" "null 1
2 null
1 null"
	check "$name: EXECUTE" "$(one inner '"\(.sql.command) \(.sql.rows_sent)"' | sort | tr '\n' ',')" "query null,statement 4,"
	for size in 1048575 1048576 1048577 16777216; do
		check "$name: $size bytes" "$(one "$size-" '"\(.sql.query | length) \(.flags)"')" "$size null"
	done
	check "$name: no repeats" "$(one last .sql.command)" query
	mariadb_stop
	rm -rf "$MYHOME"
}

examine threads
examine pool --thread-handling=pool-of-threads
if [ "${PENSTOCK_LONG:-}" ]; then
	root=$(tests/support/mariadb_fetch.sh trixie 2>"$T/fetch") && examine trixie "$root" || cat "$T/fetch"
fi
done_testing
