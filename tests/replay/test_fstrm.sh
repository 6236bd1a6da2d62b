#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The tools of others receive what fstrm:// sends, read it, and send it on: the same bytes as in a file.
. tests/support/lib.sh
. tests/support/tls.sh
need fstrm_capture fstrm_dump fstrm_replay python3 openssl
TYPE=protobuf:penstock.v1.Event
FILES=$T/files
mkdir "$FILES"

# capture NAME WHERE…: fstrm_capture in the background, as $CAPTURE, up to when it listens.
capture() {
	local name=$1
	shift
	: >"$T/$name.log"
	fstrm_capture -t "$TYPE" "$@" -w "$FILES/$name" -d -d -d -d 2>"$T/$name.log" &
	CAPTURE=$!
	children+=("$CAPTURE")
	await 10 grep -q "opened output file" "$T/$name.log"
}
captured() { kill "$CAPTURE"; wait "$CAPTURE"; }
finished() { grep -q "sending FSTRM_CONTROL_FINISH" "$T/$1.log"; }
same() { python3 tests/support/fstrm.py same "$@"; }

for raw in samples/raw/*.raw; do
	name=$(basename "$raw" .raw)
	port=$(free_port)
	capture "$name" -a 127.0.0.1 -p "$port"
	holds "$name is sent" "$P" replay "$raw" -w "$T/$name.pb" -w "fstrm://127.0.0.1:$port,format=pb"
	holds "$name is ended" await 10 finished "$name"
	captured
	holds "$name is the same as in a file" same "$FILES/$name" "$T/$name.pb"
	check "fstrm_dump finds as many" "$(fstrm_dump "$FILES/$name" 2>&1 | grep -c '^Data frame')" "$(same "$FILES/$name" "$T/$name.pb")"
done

port=$(free_port)
capture again -a 127.0.0.1 -p "$port"
holds "it is sent on" fstrm_replay -t "$TYPE" -a 127.0.0.1 -p "$port" -r "$FILES/exec"
await 10 finished again
captured
holds "and is still the same" same "$FILES/again" "$T/exec.pb"

capture unix -u "$T/socket"
holds "a unix socket" "$P" replay samples/raw/bash.raw -w "fstrm+unix://$T/socket,format=pb"
await 10 finished unix
captured
holds "takes the same" same "$FILES/unix" "$T/bash.pb"

# More than its kernel buffers at once, with a reader that gets less than half of the time.
"$BUILD/tests/make_raw" 60000 tls >"$T/large.raw"
port=$(free_port)
capture large -a 127.0.0.1 -p "$port"
holds "much is sent" "$P" replay "$T/large.raw" -w "$T/large.pb" -w "fstrm://127.0.0.1:$port,format=pb"
await 10 finished large
captured
holds "much is the same" same "$FILES/large" "$T/large.pb"

# It is killed in the middle, and another one comes: what the first one's kernel did not have goes to the second one.
"$BUILD/tests/make_raw" 400000 exec >"$T/long.raw"
port=$(free_port)
capture killed -a 127.0.0.1 -p "$port"
"$P" replay "$T/long.raw" -w "$T/long.pb" -w "fstrm://127.0.0.1:$port,format=pb" 2>"$T/log" &
PID=$!
children+=("$PID")
much() { [ "$(stat -c %s "$FILES/killed")" -gt 4000000 ]; }
await 10 much
kill -KILL "$CAPTURE"
wait "$CAPTURE" 2>/dev/null
capture second -a 127.0.0.1 -p "$port"
wait "$PID"
check "nothing is lost on our side" $? 0
holds "the second one gets the end" await 10 finished second
captured
holds "and all that the first one's kernel did not have, in order" python3 tests/support/fstrm.py \
	rest "$FILES/second" "$FILES/killed" "$T/long.pb"

# Encrypted, and only to one whose certificate says who it is.
certificate
port=$(free_port) front=$(free_port)
capture tls -a 127.0.0.1 -p "$port"
: >"$T/front.log"
python3 tests/support/tls_front.py "$front" "$port" "$T/cert.pem" "$T/key.pem" >"$T/front.log" &
children+=($!)
await 10 grep -q listening "$T/front.log"
holds "by TLS" "$P" replay "$T/large.raw" -w "fstrms://localhost:$front,format=pb,ca=$T/cert.pem"
await 10 finished tls
"$P" replay samples/raw/bash.raw -w "fstrms://localhost:$front,format=pb" 2>"$T/log"
check "nobody vouches for it" $? 4
"$P" replay samples/raw/bash.raw -w "fstrms://localhost:$front,format=pb,ca=$T/cert.pem,servername=other.example" 2>"$T/log"
check "it has another name" $? 4
captured
holds "it is the same by TLS" same "$FILES/tls" "$T/large.pb"
check "nobody else was let through" "$(grep -c 'accepted new' "$T/tls.log")" 1

# Somebody who takes something else says so by hanging up; the line says what we wanted.
port=$(free_port)
TYPE=protobuf:dnstap.Dnstap capture other -a 127.0.0.1 -p "$port"
"$P" replay samples/raw/bash.raw -w "fstrm://127.0.0.1:$port,format=pb" 2>"$T/log"
check "refused, and all of it lost" $? 4
captured
check "it was asked in vain" "$(grep -c 'no CONTENT_TYPE matching' "$T/other.log")" "$(grep -c 'accepted new' "$T/other.log")"
done_testing
