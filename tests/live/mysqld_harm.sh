#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: mysqld
# A MariaDB server under load when things go wrong: statements, clients, penstock and the server killed, a connection that is open when
# penstock comes, a statement that is running then. With
# --long also with a pool of threads.
. tests/support/lib.sh
. tests/support/mariadb.sh
need_root
mariadb_need
need jq
running() { [ "$(as_root -e "select count(*) from information_schema.processlist where info like '%$NONCE-$1%' and id <> connection_id()")" = 1 ]; }
id_of() { as_root -e "select id from information_schema.processlist where info like '%$NONCE-$1%' and id <> connection_id()"; }
one() { statements "$T/$file.jsonl" ".sql.user == \"u\" and (.sql.query // \"\" | contains(\"$NONCE-$1\"))" "${2:-.sql.command}"; }
load() { # NAME: 8 clients in the background, each statement with a number of its own
	clients=()
	for i in $(seq 0 7); do
		{ for j in $(seq 1000); do echo "select '$NONCE-$1-$((i * 1000 + j))-x';"; done; } | sql >"$T/answers.$i" &
		clients[i]=$!
	done
}
answers() { cat "$T"/answers.* | sort -u | wc -l; }

examine() { # NAME [OPTION…]
	local file=$1 client how

	shift
	mariadb_start "$@"
	mkfifo "$T/early"
	sql -n -f <"$T/early" >"$T/early.out" 2>&1 &
	exec 9>"$T/early"
	echo "select '$NONCE-before';" >&9
	await 10 test -s "$T/early.out"
	echo "select sleep(60), '$NONCE-late';" >&9
	await 10 running late
	start record -p mysqld -w "$T/$file.jsonl"
	as_root -e "kill query $(id_of late)"
	echo "select '$NONCE-early';" >&9
	exec 9>&-

	# a statement ended by its administrator, a connection, and a client that is killed
	for how in query connection; do
		sql -e "select sleep(60), '$NONCE-$how'" >"$T/client" 2>&1 &
		client=$!
		await 10 running "$how"
		as_root -e "kill $how $(id_of "$how")"
		wait "$client"
	done
	{ echo "select sleep(60), '$NONCE-stopped'; select '$NONCE-notreached'"; } >"$T/stopped.sql"
	sql <"$T/stopped.sql" >/dev/null 2>&1 &
	client=$!
	await 10 running stopped
	kill -KILL "$client"
	wait "$client" 2>/dev/null
	as_root -e "kill $(id_of stopped)"
	sql -e "select '$NONCE-last'" >/dev/null
	seen "$T/$file.jsonl" "$NONCE-last"

	# penstock is killed at full load: the server answers on, and the next penstock sees it
	load first
	await 10 test -s "$T/answers.7"
	stop KILL
	wait "${clients[@]}"
	check "$file: the server has answered all" "$(answers)" 8000
	check "$file: a statement that ran before" "$(one late '"\(.sql.user) \(.sql.error_code) \(.flags)"')" 'u 1317 ["in_progress"]'
	check "$file: open before" "$(one early '"\(.sql.user) \(.sql.database) \(.sql.rows_sent) \(.conn.remote_addr)"')" "u shop 1 127.0.0.1"
	check "$file: KILL QUERY" "$(one query '"\(.sql.error_code) \(.sql.sqlstate)"')" "1317 70100"
	check "$file: KILL" "$(one connection '"\(.sql.command)"' | sort | uniq -c | tr -s ' \n' ' ')" " 1 query "
	check "$file: a client that is gone" "$(one stopped) $(one notreached)" "query "
	check "$file: nothing repeated" "$(one before | wc -l) $(one last | wc -l)" "0 1"
	start record -p mysqld -w "$T/$file.jsonl"
	load second
	wait "${clients[@]}"
	sql -e "select sleep(60), '$NONCE-server'" >/dev/null 2>&1 &
	client=$!
	await 10 running server
	kill -KILL "$MYPID"
	wait "$client" "$MYPID" 2>/dev/null
	mariadb_start "$@"
	sql -e "select '$NONCE-again'" >/dev/null
	seen "$T/$file.jsonl" "$NONCE-again"
	stop
	check "$file: exit status" "$STATUS" 0
	check "$file: 8,000 statements, each once" "$(one second- .sql.query | sort | uniq -c | awk '$1 == 1' | wc -l)" 8000
	check "$file: killed with its server" "$(json "$T/$file.jsonl" 'select(.type == "sql" and (.sql.query // "" | contains($n + "-server"))) | .flags[0]' | tail -n 1)" unfinished
	check "$file: and not repeated by the next one" "$(one again '"\(.sql.user) \(.sql.rows_sent)"')" "u 1"
	rm -f "$T/early"
	mariadb_stop
	rm -rf "$MYHOME"
}

examine threads
[ -z "${PENSTOCK_LONG:-}" ] || examine pool --thread-handling=pool-of-threads
done_testing
