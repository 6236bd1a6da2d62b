#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Point selects per second of a MariaDB server with 8 clients: alone, recorded to JSON and to an archive. Interleaved rounds; medians of
# the ratio to the same round's rate alone; what was lost.
. tests/bench/lib.sh
. tests/support/mariadb.sh
need_root
mariadb_need
need mariadb-slap
rounds=${ROUNDS:-5} queries=${QUERIES:-80000}
folder=${SHM:-/dev/shm}/penstock-bench.$$
trap 'mariadb_stop; rm -rf "$folder"; quit' EXIT
mkdir "$folder"

mariadb_start --performance-schema=off
as_root shop -e "create table t(i int primary key, s varchar(99)) select seq as i, md5(seq) as s from seq_1_to_100000"
rate() { # TO: adds what was reached to that file
	local seconds

	seconds=$(wall mariadb-slap --no-defaults -uroot -S "$MYHOME/socket" --create-schema=shop --concurrency=8 --number-of-queries="$queries" \
		--query="select s from t where i = 77777")
	awk -v n="$queries" -v s="$seconds" 'BEGIN { print n / s }' >>"$1"
}
recorded() { # NAME
	rm -f "$folder"/*
	start record --ring-size 64M -p mysqld -w "$folder/a.$1"
	rate "$T/$1"
	stop
	[ "$STATUS" = 0 ] || sed -n 's/^penstock: LOST/lost: &/p' "$T/log" >>"$T/lost"
}
rate "$T/warm"
for _ in $(seq "$rounds"); do
	rate "$T/alone"
	recorded jsonl
	recorded pb.zst
done
printf 'alone %.0f statements/s' "$(median <"$T/alone")"
for what in jsonl pb.zst; do
	printf ', %s %.2f' "$what" "$(paste "$T/alone" "$T/$what" | awk '{ print $2 / $1 }' | median)"
done
echo ", lost $(wc -l 2>/dev/null <"$T/lost" || echo 0)"
[ ! -s "$T/lost" ] || cat "$T/lost"
done_testing
