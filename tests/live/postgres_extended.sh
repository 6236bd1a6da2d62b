#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: postgres
# The extended protocol as drivers speak it: values, named statements, pipelines, portals, what fails and where. With --long also on
# the servers of Debian 13 and of Debian's unstable.
. tests/support/lib.sh
. tests/support/postgres.sh
need_root
postgres_need
need jq
wire() { tests/support/pgwire.py "$@"; }
events() { # what is said of each statement, one on a line
	json "$T/a.jsonl" 'select(.type == "sql") | (.flags // []) as $f | .sql | [.command, ((.statement_name // "") | gsub("'"$NONCE"'"; "N")), ((.query // "") | gsub("'"$NONCE"'"; "N")), .rows, .results, .sqlstate, .params, $f]' |
		grep -v libpq
}

examine() { # NAME [VERSION ROOT]
	local name=$1 before=$failures

	shift
	postgres_start "$@"
	start record -p postgres -w "$T/a.jsonl"
	wire 127.0.0.1 "$PGPORT" extended "$NONCE" >"$T/extended" && wire 127.0.0.1 "$PGPORT" errors "$NONCE" >"$T/errors" &&
		wire "$PGHOME" "$PGPORT" copy "$NONCE" >"$T/copy" && wire 127.0.0.1 "$PGPORT" pipeline "$NONCE" >"$T/pipeline"
	check "$name: the client" $? 0
	sql -c "select '$NONCE-last'" >/dev/null
	seen "$T/a.jsonl" "$NONCE-last"
	stop
	check "$name: exit status" "$STATUS" 0
	holds "$name: each statement, as it went" diff <(events) tests/live/postgres_extended.txt
	check "$name: libpq's pipeline" "$(statements "$T/a.jsonl" '.sql.query | test("libpq-[0-9]+-x")' '"\(.sql.rows) \(.sql.params[0])"' | awk '$1 == $2' | wc -l)" 20
	check "$name: what was copied is not here" "$(grep -c "secret-$NONCE" "$T/a.jsonl")" 0
	postgres_stop
	rm -rf "$PGHOME"
	[ "$failures" = "$before" ] || diff <(events) tests/live/postgres_extended.txt
}

examine installed
if [ "${PENSTOCK_LONG:-}" ]; then
	for other in trixie:17 sid:18; do
		root=$(tests/support/postgres_fetch.sh "${other%:*}" "${other#*:}" 2>"$T/fetch") || { cat "$T/fetch"; continue; }
		examine "$other" "${other#*:}" "$root"
	done
fi
done_testing
