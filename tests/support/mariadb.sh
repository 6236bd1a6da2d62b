# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# A MariaDB server of a test's own, in its folder and on a free port. Sourced after lib.sh.

MYSERVER=${MYSERVER:-mariadbd} # the program

mariadb_need() {
	command -v "$MYSERVER" >/dev/null || skip "no MariaDB server on this machine"
	need mariadb mariadb-install-db python3
	getent passwd mysql >/dev/null || skip "no user mysql on this machine"
}
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
mariadb_answers() { as_root -e 'select 1' >/dev/null 2>&1; }

# mariadb_start [ROOT] [OPTION…]: a server in $MYHOME, MYPID its process. It answers on the TCP port $MYPORT of 127.0.0.1 and on the
# socket $MYHOME/socket; root has no password, u has the password pw. A second start has the same data. With ROOT it is the one of
# another Debian (mariadb_fetch.sh).
mariadb_start() {
	local home=$T/my inside=() server=$MYSERVER

	MYHOME=$T/my
	mkdir -p "$MYHOME" && chown mysql "$MYHOME" && chmod 755 "$T"
	if [[ ${1:-} = /* ]]; then
		home=/mnt server=/usr/sbin/mariadbd
		# shellcheck disable=SC2016 # the inner shell's
		inside=(unshare -m sh -c 'mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/mnt" && root=$1 && shift 2 && exec chroot "$root" "$@"' sh "$1" "$MYHOME")
		shift
	fi
	[ -d "$MYHOME/mysql" ] || ${inside[@]+"${inside[@]}"} mariadb-install-db --no-defaults --user=mysql --datadir="$home" --tmpdir="$home" \
		--skip-test-db --auth-root-authentication-method=normal >"$T/install" 2>&1 || skip "mariadb-install-db does not work here: $(tail -n 1 "$T/install")"
	MYPORT=$(free_port)
	${inside[@]+"${inside[@]}"} "$server" --no-defaults --user=mysql --datadir="$home" --tmpdir="$home" --socket="$home/socket" --port="$MYPORT" \
		--bind-address=127.0.0.1 --pid-file="$home/pid" --max-allowed-packet=64M --innodb-flush-log-at-trx-commit=0 "$@" >"$T/my.log" 2>&1 &
	MYPID=$!
	children+=("$MYPID")
	await 20 mariadb_answers || skip "the server does not start here: $(tail -n 1 "$T/my.log")"
	as_root -e "create user if not exists u@'127.0.0.1' identified by 'pw'; grant all on *.* to u@'127.0.0.1'; create database if not exists shop"
}

MYPID=
mariadb_stop() {
	[ "$MYPID" ] || return 0
	kill -TERM "$MYPID" 2>/dev/null
	await 15 ended "$MYPID" || kill -KILL "$MYPID" 2>/dev/null
	wait "$MYPID" 2>/dev/null
	MYPID=
}
trap 'mariadb_stop; quit' EXIT

# as_root [ARG…]: the client over the Unix socket; sql [ARG…]: over TCP as u, in the database shop.
as_root() { mariadb --no-defaults --max-allowed-packet=64M -N -uroot -S "$MYHOME/socket" "$@"; }
sql() { mariadb --no-defaults --max-allowed-packet=64M -N -uu -ppw -h127.0.0.1 -P"$MYPORT" "$@" shop; }
# statements FILE FILTER [OUTPUT]: events of statements in which jq's FILTER holds.
statements() { json "$1" 'select(.type == "sql" and (.flags // [] | index("unfinished") | not)) | select('"$2"') | '"${3:-.}"; }
