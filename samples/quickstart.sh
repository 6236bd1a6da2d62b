#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# From a fresh clone to a recording, as root on Debian 12: installs what is missing, builds, records what curl and
# an nginx of our own say to each other over TLS, a short session in a bash and a few programs, and shows what tshark
# sees in the file: no key file, no proxy.
# Usage: samples/quickstart.sh [FILE]     FILE: where the recording goes (default /tmp/penstock-quickstart.pcapng)
cd "$(dirname "$0")/.."
. tests/support/strict.sh
[ "$(id -u)" = 0 ] || { echo "quickstart needs root: it loads programs into the kernel" >&2; exit 3; }
file=$(realpath -m "${1:-/tmp/penstock-quickstart.pcapng}")
build=${BUILD:-build}
work=$(mktemp -d)
recorder='' server=''

stop() { # PID
	[ -n "$1" ] || return 0
	kill -TERM "$1" 2>/dev/null || true
	wait "$1"
}
tidy() {
	stop "$recorder" || true
	stop "$server" || true
	rm -rf "$work"
}
trap tidy EXIT

echo "== packages and build"
samples/install-packages.sh build view
{ cmake -S . -B "$build" -G Ninja -DTESTS=OFF && cmake --build "$build"; } >"$work/build.log" 2>&1 ||
	{ cat "$work/build.log"; exit 1; }

echo "== an nginx of our own, with a certificate to throw away"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=https://127.0.0.1:$port
chmod 755 "$work"
mkdir "$work/web"
echo "hello over TLS" >"$work/web/hello.txt"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key.pem" -out "$work/cert.pem" \
	-days 2 -subj /CN=localhost 2>/dev/null
cat >"$work/nginx.conf" <<-EOF
	daemon off; master_process off; pid $work/nginx.pid; error_log $work/nginx.err;
	events { worker_connections 64; }
	http {
		access_log off; types { text/plain txt; }
		client_body_temp_path $work/b; proxy_temp_path $work/p; fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s;
		server {
			listen 127.0.0.1:$port ssl; ssl_certificate $work/cert.pem; ssl_certificate_key $work/key.pem;
			root $work/web; location /form { return 200 "stored\n"; }
		}
	}
EOF
nginx -c "$work/nginx.conf" -e "$work/nginx.err" &
server=$!
until curl -sk "$url/" >/dev/null; do
	kill -0 "$server" 2>/dev/null || { cat "$work/nginx.err"; server=''; exit 1; }
	sleep 0.1
done
echo "$url"

echo "== recording to $file"
# this script and what it starts, and not what else happens on the machine
"$build/penstock" record -p tls -p bash -p exec --tree $$ -w "$file" 2>"$work/log" &
recorder=$!
until grep -qx ready "$work/log"; do
	kill -0 "$recorder" 2>/dev/null || { cat "$work/log"; recorder=''; exit 1; }
	sleep 0.1
done
cat "$work/log"

curl -sk "$url/hello.txt" "$url/missing" -o /dev/null -o /dev/null
curl -sk "$url/form" -d 'user=penstock' -o /dev/null
# an interactive bash in a terminal of its own; then programs that nobody types
printf '%s\n' 'echo hello from penstock' 'ls /etc | wc -l' 'false' 'sh -c "exit 3"' |
	HISTFILE=/dev/null /usr/bin/python3 tests/support/type.py bash --norc --noprofile -i >/dev/null
uname -a >/dev/null
sh -c 'sleep 0.2; exit 7' || true

status=0
stop "$recorder" || status=$?
recorder=

echo "== TLS, as tshark sees it: seconds, source and destination port, request or response"
tshark -n -r "$file" -Y http -T fields -e frame.time_relative -e tcp.srcport -e tcp.dstport -e _ws.col.Info 2>/dev/null
echo "== the first conversation, followed"
tshark -n -r "$file" -q -z follow,tcp,ascii,0 2>/dev/null
echo "== commands and programs: seconds, pid, program, message"
tshark -n -r "$file" -Y systemd_journal.message -T fields -e frame.time_relative -e systemd_journal.pid \
	-e systemd_journal.comm -e systemd_journal.message 2>/dev/null | cut -c1-120
echo
echo "The recording is $file: open it with  wireshark $file"
exit "$status"
