#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A collector: what it writes is what was recorded, whatever happens to it meanwhile, and whatever strangers say to it.
. tests/support/lib.sh
need python3 zstd openssl

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
listens() { grep -q "^listening on .*:$1" "$T/log" && grep -qx ready "$T/log"; }
# collect ARG…: a collector on port $PORT; waits until it is ready
collect() {
	start collect --listen "127.0.0.1:$PORT" "$@"
	listens "$PORT" || check "collect $*" "$(cat "$T/log")" ready
}
finish() { # and its status
	kill -TERM "$PID"
	wait "$PID"
	STATUS=$?
}
send() { timeout 60 tests/support/batch_sender.py "$@" >>"$T/sent" 2>&1; }
events() { tests/support/streams.py "$@"; }
# once WHAT WANT FILE…: with ID, whatever the stream is called, the files hold the events in WANT, and nothing twice
once() {
	local what=$1 want=$2

	shift 2
	events "$@" | sed "s/^[^ ]*/${ID:-&}/" | sort >"$T/got"
	check "$what: nothing twice" "$(cut -d' ' -f1,2 "$T/got" | uniq -d | wc -l)" 0
	holds "$what: all, as it was sent" cmp "$T/got" "$want"
	holds "$what: whole" "$P" verify -q "$@"
}

# exec is made, as large as wanted; the others were recorded: each has a run of its own
"$BUILD/tests/make_raw" 3000 exec >"$T/exec.raw"
cp samples/raw/bash.raw samples/raw/openssl.raw "$T"
for name in exec bash openssl; do
	"$P" replay -q "$T/$name.raw" -w "$T/$name.pb"
	events "$T/$name.pb" | sort >"$T/$name.events"
done
sort "$T"/{exec,bash,openssl}.events >"$T/all.events"

# -- one stream: the bytes are those of a recording
PORT=$(port)
collect -w "$T/one.pb"
send "127.0.0.1:$PORT" "$T/exec.pb"
finish
check "one stream" "$STATUS" 0
holds "one stream: the same bytes" cmp "$T/one.pb" "$T/exec.pb"
holds "and it is told" grep -q 'sample\|host.*events, safe up to' "$T/log"

# -- several at once, in each way, into two outputs
PORT=$(port)
collect --listen "unix://$T/socket" -w "$T/all.pb.zst" -w "$T/plain.pb"
send "127.0.0.1:$PORT" "$T/exec.pb" --zstd &
a=$!
send "$T/socket" "$T/bash.pb" event &
b=$!
send "127.0.0.1:$PORT" "$T/openssl.pb" tcp &
wait "$a" "$b" $!
send "127.0.0.1:$PORT" "$T/exec.pb" # once more: it is there already
finish
check "several" "$STATUS" 0
once "several, compressed" "$T/all.events" "$T/all.pb.zst"
once "several, plain" "$T/all.events" "$T/plain.pb"
check "the socket is gone" "$(ls "$T/socket" 2>/dev/null)" ""

# -- a folder for each host
PORT=$(port)
mkdir "$T/h"
collect -w "$T/h/{host}/%Y.pb.zst,size=64K"
check "no host, no folder" "$(ls "$T/h" 2>/dev/null)" ""
send "127.0.0.1:$PORT" "$T/exec.pb"
finish
check "a folder of the host's name" "$(ls "$T/h")" host
at_least "several files" "$(find "$T/h" -name '*.pb.zst' | wc -l)" 2
check "for its owner alone" "$(stat -c %a "$T"/h/*)" 700
mapfile -t files < <(find "$T/h" -name '*.pb.zst' | sort)
once "a folder" "$T/exec.events" "${files[@]}"

# -- killed again and again
"$BUILD/tests/make_raw" 20000 exec >"$T/load.raw"
"$P" replay -q "$T/load.raw" -w "$T/load.pb"
events "$T/load.pb" | sort >"$T/load.events"
PORT=$(port)
kills=$([ -n "${PENSTOCK_LONG:-}" ] && echo 100 || echo 12)
kills_of() { [ "$1" = 'k/a.pb.zst' ] && echo "$kills" || echo $((kills / 3)); }
for output in 'k/a.pb.zst' 'r/b.pb.zst,size=256K' 'p/c.pb'; do
	mkdir "$T/${output%%/*}"
	: >"$T/sent"
	collect -w "$T/$output"
	send "127.0.0.1:$PORT" "$T/load.pb" --patience 50 --size 16384 --slow 0.02 &
	sender=$!
	await 20 grep -q begun "$T/sent"
	for _ in $(seq "$(kills_of "$output")"); do
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))$((RANDOM % 10))"
		kill -KILL "$PID"
		wait "$PID" 2>/dev/null
		collect -w "$T/$output"
	done
	wait "$sender"
	check "$output: killed: all was acknowledged" "$? $(sed '/begun/d; s/, [0-9]* conn.*//' "$T/sent")" "0 $(wc -l <"$T/load.events" | awk '{ print $1 + 1 " sent, " $1 + 1 " safe" }')"
	at_least "$output: at work" "$(sed -n 's/.*, \([0-9]*\) conn.*/\1/p' "$T/sent")" 4
	finish
	mapfile -t files < <(find "$T/${output%%/*}" -name '*.pb*' ! -name '.*' ! -name '*.idx' | sort)
	once "$output: killed" "$T/load.events" "${files[@]}"
	check "$output: nothing is left half" "$(find "$T/${output%%/*}" -name '*.part' -o -name '*.tmp' -o -name '*.mend')" ""
done

# -- the same with a sender of ours, that is as fast as it can be
"$BUILD/tests/make_raw" 150000 exec >"$T/large.raw"
PORT=$(port)
mkdir "$T/f"
collect -w "$T/f/a.pb.zst"
timeout 100 "$P" replay -q "$T/large.raw" -w "fstrm://127.0.0.1:$PORT,format=pb" >"$T/out" 2>"$T/sender.log" &
sender=$!
for _ in 1 2 3 4 5 6; do
	sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
	kill -KILL "$PID"
	wait "$PID" 2>/dev/null
	collect -w "$T/f/a.pb.zst"
done
wait "$sender"
check "a sender of ours: nothing was lost" "$? $(grep LOST "$T/sender.log")" "0 "
finish
"$P" replay -q "$T/large.raw" -w "$T/large.pb"
mapfile -t files < <(find "$T/f" -name '*.pb.zst' | sort)
events "$T/large.pb" | sed 's/^[^ ]*/x/' | sort >"$T/large.events"
ID=x once "a sender of ours" "$T/large.events" "${files[@]}"

# -- TLS: with the right certificate, and with others
issue() { # NAME CA
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$T/$1.key" -out "$T/$1.csr" \
		-subj "/CN=$1" -addext "subjectAltName=DNS:$1" 2>/dev/null
	openssl x509 -req -in "$T/$1.csr" -CA "$T/$2.pem" -CAkey "$T/$2.key" -CAcreateserial -days 2 -copy_extensions copy \
		-out "$T/$1.pem" 2>/dev/null
}
for ca in ours others; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$T/$ca.key" -out "$T/$ca.pem" \
		-subj "/CN=$ca" -days 2 2>/dev/null
done
for name in localhost web1 web2; do issue $name ours; done
issue stranger others
PORT=$(port)
start collect --listen "fstrms://127.0.0.1:$PORT,cert=$T/localhost.pem,key=$T/localhost.key,ca=$T/ours.pem,allow=web1+db1" -w "$T/tls.pb"
with() { # NAME SECONDS
	timeout "$2" "$P" replay -q "$T/exec.raw" -w "fstrms://127.0.0.1:$PORT,ca=$T/ours.pem,servername=localhost,cert=$T/$1.pem,key=$T/$1.key,format=pb" 2>"$T/sender.log"
}
with stranger 2
with web2 2
check "strangers have no entry" "$(stat -c %s "$T/tls.pb" 2>/dev/null)" 0
with web1 30
check "who is allowed is served" "$?" 0
finish
sed 's/^[^ ]*/x/' "$T/exec.events" | sort >"$T/x.events"
ID=x once "TLS" "$T/x.events" "$T/tls.pb"
at_least "strangers are told of" "$(grep -c 'closed: ' "$T/log")" 2

# -- stopped for a while
PORT=$(port)
collect -w "$T/s.pb.zst"
: >"$T/sent"
send "127.0.0.1:$PORT" "$T/load.pb" --size 16384 --slow 0.01 &
sender=$!
await 20 grep -q begun "$T/sent"
kill -STOP "$PID"
sleep 0.5 # nothing happens: that is what is tried
kill -CONT "$PID"
wait "$sender"
check "stopped: all was acknowledged" "$?" 0
finish
once "stopped" "$T/load.events" "$T/s.pb.zst"

# -- strangers
PORT=$(port)
collect -w "$T/x.pb" --clients 20
head -c 100000 /dev/urandom >"/dev/tcp/127.0.0.1/$PORT"
printf 'GET / HTTP/1.1\r\n\r\n' >"/dev/tcp/127.0.0.1/$PORT"
printf '\0\0\0\0\0\0\377\377' >"/dev/tcp/127.0.0.1/$PORT"
python3 - "$PORT" <<-'PY'
	import socket, sys
	held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(300)]
	for s in held[20:]:
	    s.settimeout(10)
	    try:
	        assert s.recv(1) == b""
	    except ConnectionError:
	        pass
PY
check "those that are too many are turned away" "$?" 0
alive "$PID" || check "it lives" no yes
send "127.0.0.1:$PORT" "$T/exec.pb"
finish
once "among strangers" "$T/exec.events" "$T/x.pb"
at_least "they are told" "$(grep -c 'closed: ' "$T/log")" 3
at_least "in few lines" 20 "$(grep -c 'closed: ' "$T/log")"

# -- an output that keeps no account of its own (a stream, to a second collector that is away) is behind a file when the
# collector is killed: it gets everything all the same, and the file gets nothing twice
PORT=$(port) FAR=$(port)
mkdir "$T/second"
collect -w "$T/second/near.pb" -w "fstrm://127.0.0.1:$FAR"
"$P" replay -q "$T/exec.raw" -w "fstrm://127.0.0.1:$PORT,spool=$T/second/spool" --drain-timeout 1s 2>"$T/sender.log"
check "one of two outputs is away: nothing is acknowledged" "$(grep -c 'stay in the spool' "$T/sender.log")" 1
kill -KILL "$PID"
wait "$PID" 2>/dev/null
"$P" collect --listen "127.0.0.1:$FAR" -w "$T/second/far.pb" 2>"$T/far.log" &
far=$!
children+=("$far")
await 20 grep -qx ready "$T/far.log"
collect -w "$T/second/near.pb" -w "fstrm://127.0.0.1:$FAR"
"$P" replay -q "$T/exec.raw" -w "fstrm://127.0.0.1:$PORT,spool=$T/second/spool" 2>"$T/sender.log" # the same once more
check "both are there: all is acknowledged" "$? $(wc -l <"$T/sender.log")" "0 0"
finish
kill -TERM "$far"
wait "$far"
sed 's/^[^ ]*/x/' "$T/exec.events" | sort >"$T/second.events"
ID=x once "the near one" "$T/second.events" "$T"/second/near*.pb
ID=x once "the far one" "$T/second.events" "$T/second/far.pb"

# -- wrong use
run collect --listen 127.0.0.1:1 -w "$T/{host}/no/x.pb" -w "otlp://{host}:4318"
check "{host} in a URL" "$STATUS" 2
run collect --listen 127.0.0.1:1 -w "$T/none/{host}.pb"
check "no folder for hosts" "$STATUS" 1
one_line "No such file"
run collect -w "$T/x.pb"
check "without --listen" "$STATUS" 2
run collect --listen 0.0.0.0:1 -w "$T/x.pb"
check "plaintext to everybody" "$STATUS" 2
run collect --listen 127.0.0.1:1 -w "$T/x.raw"
check "a raw recording" "$STATUS" 2
run collect --listen "fstrms://127.0.0.1:1" -w "$T/x.pb"
check "TLS without a certificate" "$STATUS" 2

# -- no room: nothing is acknowledged, until there is
[ "$(id -u)" = 0 ] && mkdir "$T/mnt" && mount -t tmpfs -o size=1m,mode=700 tmpfs "$T/mnt" || done_testing
PORT=$(port)
collect -w "$T/mnt/full.pb"
send "127.0.0.1:$PORT" "$T/load.pb" --patience 50 &
sender=$!
await 10 sh -c "[ \$(df --output=avail '$T/mnt' | tail -n 1) = 0 ]"
check "no room: it waits" "$(alive "$sender" && alive "$PID" && echo yes)" yes
mount -o remount,size=64m "$T/mnt"
wait "$sender"
check "with room again all was acknowledged" "$?" 0
finish
check "and nothing was lost" "$STATUS" 0
once "no room" "$T/load.events" "$T/mnt/full.pb"
done_testing
