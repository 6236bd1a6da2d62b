# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# A PostgreSQL server of a test's own, in its folder and on a free port. Sourced after lib.sh.

# The newest server of this machine: its folder of programs.
PGBIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

postgres_need() {
	[ -x "$PGBIN/postgres" ] || skip "no PostgreSQL server on this machine"
	need psql runuser python3
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
as_postgres() { runuser -u postgres -- env LC_ALL=C "$@"; }
postgres_answers() { psql -X -q -h "$PGHOME" -U postgres -d postgres -c 'select 1' >/dev/null 2>&1; }

# postgres_start [BIN [OPTION…]]: a server in $PGHOME, PGPID its postmaster; without fsync, for speed. It answers on the TCP
# port $PGPORT of 127.0.0.1 and on a socket in $PGHOME; everybody is trusted.
postgres_start() {
	local bin=${1:-$PGBIN}

	shift $(($# > 0))
	PGHOME=$T/pg
	mkdir -p "$PGHOME" && chown postgres "$PGHOME"
	[ -d "$PGHOME/data" ] || as_postgres "$bin/initdb" -N -D "$PGHOME/data" -A trust -E UTF8 --no-locale >"$PGHOME/initdb" 2>&1 ||
		skip "initdb does not work here: $(tail -n 1 "$PGHOME/initdb")"
	export PGPORT
	PGPORT=$(free_port)
	(cd "$PGHOME" && exec setpriv --reuid=postgres --regid=postgres --init-groups env LC_ALL=C "$bin/postgres" -D "$PGHOME/data" -p "$PGPORT" \
		-k "$PGHOME" -h 127.0.0.1 -c fsync=off -c max_connections=60 "$@" >"$PGHOME/log" 2>&1) &
	PGPID=$!
	children+=("$PGPID")
	await 20 postgres_answers || skip "the server does not start here: $(tail -n 1 "$PGHOME/log")"
}

# Ends the server at once. Its processes must not outlive the test when that fails.
PGPID=
postgres_stop() {
	[ "$PGPID" ] || return 0
	kill -INT "$PGPID" 2>/dev/null
	await 15 ended "$PGPID" || kill -QUIT "$PGPID" 2>/dev/null
	wait "$PGPID" 2>/dev/null
}
trap 'postgres_stop; quit' EXIT

# sql [ARG…]: psql over TCP; statements by -c, or from stdin.
sql() { psql -X -q -A -t -h 127.0.0.1 -U postgres -d postgres "$@"; }
# statements FILE FILTER [OUTPUT]: events of statements in which jq's FILTER holds.
statements() { json "$1" 'select(.type == "sql" and (.flags // [] | index("unfinished") | not)) | select('"$2"') | '"${3:-.}"; }
