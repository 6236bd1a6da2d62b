#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Transactions per second of `pgbench -S` with 8 clients, simple and prepared: alone, recorded to JSON and to an archive. Interleaved
# rounds; medians of the ratio to the same round's rate alone; what was lost.
. tests/bench/lib.sh
. tests/support/postgres.sh
need_root
postgres_need
rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-4}
folder=${SHM:-/dev/shm}/penstock-bench.$$
trap 'postgres_stop; rm -rf "$folder"; quit' EXIT
mkdir "$folder"

postgres_start -c shared_buffers=256MB -c autovacuum=off
bench() { as_postgres "$PGBIN/pgbench" -h "$PGHOME" -p "$PGPORT" -U postgres "$@" postgres; }
rate() { bench -n -S -M "$mode" -c 8 -j 2 -T "$seconds" 2>/dev/null | awk '/^tps/ { print $3 }'; }
recorded() { # NAME
	rm -f "$folder"/*
	start postgres -w "$folder/a.$1"
	rate >>"$T/$1.$mode"
	stop
	[ "$STATUS" = 0 ] || sed -n 's/^penstock: LOST/lost: &/p' "$T/log" >>"$T/lost.$mode"
}
bench -i -s 10 >/dev/null 2>&1
for mode in simple prepared; do
	rate >/dev/null # warm
	for _ in $(seq "$rounds"); do
		rate >>"$T/alone.$mode"
		recorded jsonl
		recorded pb.zst
	done
	printf '%s: alone %.0f transactions/s' "$mode" "$(median <"$T/alone.$mode")"
	for what in jsonl pb.zst; do
		printf ', %s %.2f' "$what" "$(paste "$T/alone.$mode" "$T/$what.$mode" | awk '{ print $2 / $1 }' | median)"
	done
	echo ", lost $(wc -l 2>/dev/null <"$T/lost.$mode" || echo 0)"
	[ ! -s "$T/lost.$mode" ] || cat "$T/lost.$mode"
done
done_testing
