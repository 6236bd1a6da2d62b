# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# A PostgreSQL server of a test's own, in its folder and on a free port. Sourced after lib.sh.

# The newest server of this machine: its folder of programs.
PGBIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

PGWRAP=()

postgres_need() {
	[ -x "$PGBIN/postgres" ] || skip "no PostgreSQL server on this machine"
	need psql runuser python3
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
as_postgres() { runuser -u postgres -- env LC_ALL=C "$@"; }
postgres_answers() { psql -X -q -h "$PGHOME" -U postgres -d postgres -c 'select 1' >/dev/null 2>&1; }

# postgres_start [VERSION ROOT] [OPTION…]: a server in $PGHOME, PGPID its postmaster; without fsync, for speed. It answers on the
# TCP port $PGPORT of 127.0.0.1 and on a socket in $PGHOME; everybody is trusted. With ROOT it is the one of another Debian
# (postgres_fetch.sh). PGWRAP: a command that it is run by.
postgres_start() {
	local bin=$PGBIN home inside=(setpriv --reuid=postgres --regid=postgres --init-groups)

	PGHOME=$T/pg home=$T/pg
	mkdir -p "$PGHOME" && chown postgres "$PGHOME"
	if [[ ${1:-} =~ ^[0-9]+$ ]]; then
		bin=/usr/lib/postgresql/$1/bin home=/mnt
		# shellcheck disable=SC2016 # the inner shell's
		inside=(unshare -m sh -c 'mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/mnt" && root=$1 && shift 2 &&
			exec chroot --userspec='"$(id -u postgres):$(id -g postgres)"' "$root" "$@"' sh "$2" "$PGHOME")
		shift 2
	fi
	inside=(${PGWRAP[@]+"${PGWRAP[@]}"} "${inside[@]}" env LC_ALL=C)
	[ -d "$PGHOME/data" ] || "${inside[@]}" "$bin/initdb" -N -D "$home/data" -A trust -E UTF8 --no-locale >"$PGHOME/initdb" 2>&1 ||
		skip "initdb does not work here: $(tail -n 1 "$PGHOME/initdb")"
	PGPORT=$(free_port)
	export PGPORT
	(cd "$PGHOME" && exec "${inside[@]}" "$bin/postgres" -D "$home/data" -p "$PGPORT" -k "$home" -h 127.0.0.1 -c fsync=off \
		-c max_connections=60 "$@" >"$PGHOME/log" 2>&1) &
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
