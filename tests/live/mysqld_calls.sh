#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: mysqld
# What a program can ask of a MariaDB server besides queries, and what a statement runs by itself: each as it went. With --long also on the
# server of Debian 13.
. tests/support/lib.sh
. tests/support/mariadb.sh
need_root
mariadb_need
need jq cc
need_header mariadb/mysql.h
cc -I/usr/include/mariadb tests/live/mysqld_calls.c -o "$T/calls" -lmariadb || exit 1
events() { # what is said of each statement, one on a line; ids by the order in which the statements ended
	json "$T/a.jsonl" 'select(.type == "sql" and (.flags // [] | index("unfinished") | not)) | .sql |
		[.command, (if .outer_id then "inner" else "" end), .statement_id, (.query // .query_base64), .params, .rows, .rows_sent, .results, .error_code, .sqlstate, .user, .database]' |
		sed "s/$NONCE/N/g"
}

examine() { # NAME [ROOT] [OPTION…]
	local name=$1

	shift
	mariadb_start "$@"
	as_root -e "create user u2@'127.0.0.1' identified by 'secret2-$NONCE'; grant all on *.* to u2@'127.0.0.1'; create user low@'127.0.0.1'; grant select on *.* to low@'127.0.0.1'"
	as_root shop <tests/live/mysqld_calls.sql
	start record --pid "$MYPID" -p mysqld -w "$T/a.jsonl" -w "$T/a.raw"
	check "$name: the program" "$("$T/calls" "$MYPORT" "$NONCE" 2>&1; echo $?)" 0
	as_root shop -e "insert into log values (1), (2); select f(); create trigger r before insert on t for each row insert into log values (new.i); insert into t(i) values (1000), (1001)" >/dev/null
	as_root shop -e "prepare s from 'select i from t where i = ?'; set @a = 7; execute s using @a; alter table t add more int; execute s using @a; call again(); execute s using @a, @a" >/dev/null 2>&1
	as_root -e "set global init_connect = 'select ''at $NONCE'''"
	mariadb --no-defaults -N -ulow -h127.0.0.1 -P"$MYPORT" -e "select 'last-$NONCE'" >/dev/null
	seen "$T/a.jsonl" "last-$NONCE"
	stop
	check "$name: exit status" "$STATUS" 0
	events >"$T/events"
	holds "$name: each statement, as it went" diff "$T/events" tests/live/mysqld_calls.txt
	check "$name: no password is copied" "$(cat "$T"/a.* | grep -c "secret2-$NONCE")" 0
	check "$name: what ran before the connection was ready" "$(statements "$T/a.jsonl" '.sql.user == "low"' '"\(.sql.query | split("-")[0]) \(.conn.remote_addr)"' | sed "s/$NONCE/N/")" \
		"$(printf '%s\n' "select 'at N' null" "select 'last 127.0.0.1")"
	[ "$failures" = 0 ] || diff "$T/events" tests/live/mysqld_calls.txt
	mariadb_stop
	rm -rf "$MYHOME"
}

examine threads
examine pool --thread-handling=pool-of-threads
if [ "${PENSTOCK_LONG:-}" ]; then
	root=$(tests/support/mariadb_fetch.sh trixie 2>"$T/fetch") && examine trixie "$root" || cat "$T/fetch"
fi
done_testing
