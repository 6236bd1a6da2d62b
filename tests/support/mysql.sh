# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# The MySQL server of another Debian, of a test's own, in its folder and on a free port. Sourced after mariadb.sh, whose functions for
# clients and for the end of a server are for this one, too.

# mysql_run COMMAND [ARG…]: runs it in $MYROOT, with $MYHOME at /mnt there.
mysql_run() {
	# shellcheck disable=SC2016 # the inner shell's
	exec unshare -m sh -c 'mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/mnt" && root=$1 && shift 2 && exec chroot "$root" "$@"' sh "$MYROOT" "$MYHOME" "$@"
}

# mysql_start [OPTION…]: the server in $MYROOT (mariadb_fetch.sh), as mariadb_start() has it: MYHOME, MYPORT and MYPID, root without a
# password, u with the password pw. A second start has the same data.
mysql_start() {
	local common=(--no-defaults --user=mysql --datadir=/mnt/data --tmpdir=/mnt)

	MYHOME=$T/my
	mkdir -p "$MYHOME" && chown mysql "$MYHOME" && chmod 755 "$T"
	if [ ! -d "$MYHOME/data" ]; then
		(mysql_run /usr/sbin/mysqld "${common[@]}" --initialize-insecure) >"$T/install" 2>&1 || skip "mysqld does not work here: $(tail -n 1 "$T/install")"
	fi
	MYPORT=$(free_port)
	(mysql_run /usr/sbin/mysqld "${common[@]}" --socket=/mnt/socket --port="$MYPORT" --bind-address=127.0.0.1 --mysqlx=OFF --secure-file-priv=NULL \
		--max-allowed-packet=64M --innodb-flush-log-at-trx-commit=0 --sync-binlog=0 "$@") >"$T/my.log" 2>&1 &
	MYPID=$!
	children+=("$MYPID")
	await 20 mariadb_answers || skip "the server does not start here: $(tail -n 1 "$T/my.log")"
	as_root -e "create user if not exists u@'127.0.0.1' identified by 'pw'; grant all on *.* to u@'127.0.0.1'; create database if not exists shop"
}

# mysql_client [ARG…]: its own client as u, which sends attributes of queries.
mysql_client() { (mysql_run /usr/bin/mysql --no-defaults --ssl-mode=DISABLED --get-server-public-key -N -uu -ppw -h127.0.0.1 -P"$MYPORT" "$@" shop) 2>/dev/null; }
