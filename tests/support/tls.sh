# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034
# What the TLS tests share: a certificate, servers of their own on free loopback ports, and what tshark makes of a file.
# Sourced after lib.sh.
unset SSLKEYLOGFILE

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
certificate() { # $T/cert.pem, $T/key.pem
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
	chmod 644 "$T/key.pem"
}
# serve PORT COMMAND…: in the background, until it listens; SERVER is its pid (of a program, no function).
serve() {
	local port=$1
	shift
	"$@" >"$T/server.log" 2>&1 </dev/null &
	SERVER=$!
	children+=("$SERVER")
	await 15 listening "$port" || { cat "$T/server.log"; skip "$1 does not start here"; }
}
# nginx_start [DIRECTIVES]: serves $T/web at $URL (also at [::1], where there is one) and, by HTTP/2, at $H2URL.
nginx_start() {
	local port h2 six=

	port=$(free_port) h2=$(free_port)
	[ -e "$T/cert.pem" ] || certificate
	mkdir -p "$T/web"
	grep -q ' lo$' /proc/net/if_inet6 2>/dev/null && six="listen [::1]:$port ssl;" && URL6="https://[::1]:$port"
	cat >"$T/nginx.conf" <<-EOF
		daemon off; master_process off; pid $T/nginx.pid; error_log $T/nginx.err;
		events { worker_connections 1024; }
		http {
			access_log off; types { text/plain txt; application/json json; } gzip on; gzip_min_length 1; gzip_types application/json;
			client_body_temp_path $T/b; proxy_temp_path $T/p; fastcgi_temp_path $T/f; uwsgi_temp_path $T/u; scgi_temp_path $T/s;
			server {
				listen 127.0.0.1:$port ssl; $six listen 127.0.0.1:$h2 ssl http2;
				ssl_certificate $T/cert.pem; ssl_certificate_key $T/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
				client_max_body_size 64m; keepalive_requests 100000; root $T/web;
				location /up { return 200 "stored\n"; } ${1:-}
			}
		}
	EOF
	serve "$port" nginx -c "$T/nginx.conf" -e "$T/nginx.err"
	PORT=$port
	URL=https://127.0.0.1:$port
	H2URL=https://127.0.0.1:$h2
}
fetch() { curl -skg --max-time 30 "$@"; }

# packets FILE FILTER [FIELD…]: those that a display filter keeps: their number, or these fields of them.
packets() {
	local file=$1 filter=$2 fields=()

	shift 2
	if [ $# = 0 ]; then
		tshark -n -r "$file" -Y "$filter" 2>/dev/null | wc -l
		return
	fi
	for field; do fields+=(-e "$field"); done
	tshark -n -r "$file" -Y "$filter" -T fields "${fields[@]}" 2>/dev/null
}
# clean_tcp FILE WHAT: there is TCP in it, and tshark's analysis finds nothing odd about it.
clean_tcp() {
	at_least "$2: TCP packets" "$(packets "$1" tcp)" 5
	check "$2: nothing that TCP analysis flags" "$(packets "$1" tcp.analysis.flags)" 0
}
# exported FILE ORIGINAL: how many of the objects that tshark exports are that, byte for byte.
exported() {
	rm -rf "$T/objects"
	tshark -n -q -r "$1" --export-objects "http,$T/objects" >/dev/null 2>&1
	find "$T/objects" -type f -exec cmp -s {} "$2" \; -print 2>/dev/null | wc -l
}
# plain FILE FILTER JQ: of the recorded plaintext that FILTER keeps ($n is the nonce).
plain() { json "$1" 'select(.type == "tls_data" and ('"$2"')) | '"$3"; }
