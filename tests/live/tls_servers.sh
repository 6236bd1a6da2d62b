#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Real servers and clients over TLS: Redis, PostgreSQL, MariaDB. Those that are not installed are unpacked below the test's own
# folder, which starts nothing and leaves nothing behind. Slow: only with PENSTOCK_LONG.
. tests/support/lib.sh
. tests/support/tls.sh
[ -n "${PENSTOCK_LONG:-}" ] || skip "slow: tests/run.sh --long does it"
need_root
need tshark jq python3 openssl setpriv

# unpacked PACKAGE…: with what they depend on and is not installed, into $T/root
unpacked() {
	local names

	names=$(apt-get install -qq --no-install-recommends --print-uris "$@" 2>/dev/null | awk '{ sub(/_.*/, "", $2); print $2 }')
	# shellcheck disable=SC2086 # a list
	[ -z "$names" ] || (mkdir -p "$T/deb" "$T/root" && cd "$T/deb" && apt-get download -qq $names) >"$T/apt.log" 2>&1 || return
	for deb in "$T"/deb/*.deb; do [ ! -e "$deb" ] || dpkg-deb -x "$deb" "$T/root" || return; done
}
unpacked redis-server redis-tools mariadb-server-core mariadb-client-core || skip "no packages: $(tail -n 1 "$T/apt.log")"
libraries=$T/root/usr/lib/$(uname -m)-linux-gnu:$T/root/lib/$(uname -m)-linux-gnu
here=(env LD_LIBRARY_PATH="$libraries" PATH="$T/root/usr/bin:$T/root/usr/sbin:$PATH")
base=$T/root/usr
[ -x "$base/sbin/mariadbd" ] || base=/usr # it is installed
certificate
postgres_bin=$(find /usr/lib/postgresql -name postgres 2>/dev/null | tail -n 1 | xargs -r dirname)

redis_start() {
	redis=$(free_port)
	serve "$redis" "${here[@]}" redis-server --port 0 --tls-port "$redis" --tls-cert-file "$T/cert.pem" --tls-key-file "$T/key.pem" \
		--tls-auth-clients no --save '' --bind 127.0.0.1 --dir "$T"
}
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
postgres_start() {
	postgres=$(free_port)
	install -d -o 65534 -g 65534 "$T/pg"
	install -o 65534 -g 65534 -m 600 "$T/cert.pem" "$T/key.pem" "$T/pg/"
	"${nobody[@]}" "$postgres_bin/initdb" -D "$T/pg/data" -U u -A trust >"$T/initdb.log" 2>&1 || return
	serve "$postgres" "${nobody[@]}" "$postgres_bin/postgres" -D "$T/pg/data" -p "$postgres" -k "$T/pg" -c listen_addresses=127.0.0.1 \
		-c ssl=on -c ssl_cert_file="$T/pg/cert.pem" -c ssl_key_file="$T/pg/key.pem"
	postmaster=$SERVER
}
mariadb_start() {
	mariadb=$(free_port)
	printf '%s\n' "[mysqld]" "ssl_cert=$T/cert.pem" "ssl_key=$T/key.pem" >"$T/my.cnf"
	mkdir "$T/my"
	"${here[@]}" mysql_install_db --no-defaults --basedir="$base" --datadir="$T/my" --auth-root-authentication-method=normal \
		>"$T/install.log" 2>&1 || return
	serve "$mariadb" "${here[@]}" mariadbd --defaults-file="$T/my.cnf" --basedir="$base" --datadir="$T/my" --user=root --socket="$T/my.sock" \
		--port="$mariadb" --bind-address=127.0.0.1 --pid-file="$T/my.pid" --skip-grant-tables --lc-messages-dir="$base/share/mysql"
}

redis_start
mariadb_start || skip "mysql_install_db: $(tail -n 1 "$T/install.log")"
[ -z "$postgres_bin" ] || postgres_start || skip "initdb: $(tail -n 1 "$T/initdb.log")"
start record -p tls --tree $$ -w "$T/a.pcapng" -w "$T/a.jsonl"
check "redis-cli" "$("${here[@]}" redis-cli --tls --insecure -p "$redis" set key "$NONCE-redis" 2>&1)" OK
check "mariadb" "$("${here[@]}" mariadb --no-defaults -h 127.0.0.1 -P "$mariadb" --ssl --skip-ssl-verify-server-cert -N -e "select '$NONCE-mysql'" 2>&1)" "$NONCE-mysql"
[ -z "$postgres_bin" ] || check "psql" "$(psql "host=127.0.0.1 port=$postgres user=u dbname=postgres sslmode=require" -Atc "select '$NONCE-pgsql'" 2>&1)" "$NONCE-pgsql"
seen "$T/a.jsonl" "$NONCE-mysql"
stop
check "exit status" "$STATUS" 0

check "Redis" "$(packets "$T/a.pcapng" "tcp.dstport == 6379 && resp && frame contains \"$NONCE-redis\"")" 1
check "MariaDB: the query" "$(packets "$T/a.pcapng" "tcp.dstport == 3306 && mysql.query contains \"$NONCE-mysql\"")" 1
at_least "MariaDB: its rows" "$(packets "$T/a.pcapng" "tcp.srcport == 3306 && frame contains \"$NONCE-mysql\"")" 1
if [ -n "$postgres_bin" ]; then
	check "PostgreSQL: the query" "$(packets "$T/a.pcapng" "tcp.dstport == 5432 && pgsql.query contains \"$NONCE-pgsql\"")" 1
	at_least "PostgreSQL: its rows" "$(packets "$T/a.pcapng" "tcp.srcport == 5432 && pgsql.type == \"Data row\"")" 1
	kill -QUIT "$postmaster" # its children end with it
	wait "$postmaster"
fi
clean_tcp "$T/a.pcapng" "all of them"
done_testing
