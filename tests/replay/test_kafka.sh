#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What another consumer (kcat) finds in a topic is what a file would have, over TLS, too; a broker that is not whom we want
# is refused.
. tests/support/lib.sh
. tests/support/tls.sh
need kcat openssl python3
[ -x "$BUILD/tests/kafka_mock" ] || skip "built without librdkafka"

mkfifo "$T/orders"
"$BUILD/tests/kafka_mock" 1 1 pb json late >"$T/broker" <"$T/orders" &
children+=($!)
exec 9>"$T/orders"
await 15 test -s "$T/broker"
B=$(head -n 1 "$T/broker")
kcat_read() { timeout 60 kcat -b "$B" -C -e -q "$@"; }

"$BUILD/tests/make_raw" 20000 bash >"$T/made.raw"
run replay "$T/made.raw" -w "$T/want.pb" -w "$T/want.jsonl"
run replay "$T/made.raw" -w "kafka://$B/pb,format=pb,message-key=web-1" -w "kafka://$B/json,format=jsonl,compress=gzip"
check "sent to two topics" "$STATUS" 0
kcat_read -t pb -D '' >"$T/got.pb"
"$P" stat "$T/got.pb" >"$T/stat" # it is an archive
"$P" replay "$T/got.pb" -w "$T/got.jsonl" 2>"$T/log"
holds "the messages in a row are the file" cmp "$T/got.jsonl" "$T/want.jsonl"
kcat_read -t json -D '' | grep -v '^$' | awk '!seen[$0]++' >"$T/lines"
holds "lines are the lines of the file" cmp "$T/lines" <(awk '!seen[$0]++' "$T/want.jsonl")
check "the key of each" "$(kcat_read -t pb -f '%k\n' | sort -u)" web-1
first=$(kcat_read -t pb -f '%h\n' | grep -v part=opening | head -n 1)
holds "headers" grep -q 'penstock-stream=[0-9a-f]\{32\},.*penstock-records=[1-9].*,penstock-first-seq=1,' <<<"$first"
records=$(kcat_read -t pb -f '%h\n' | grep -o 'records=[0-9]*' | awk -F= '{n += $2} END {print n}')
check "as many events as the headers say" "$records" "$(wc -l <"$T/want.jsonl")"

# -- a broker that is not there when it is needed
echo down >&9
"$P" replay "$T/made.raw" -w "kafka://$B/late,format=pb" 2>"$T/log" &
children+=($!)
late=$!
tries() { grep -qs rdk:broker "/proc/$late/task/"*/comm; }
await 15 tries
echo up >&9
wait "$late"
check "it is waited for" $? 0
kcat_read -t late -D '' >"$T/late.pb"
"$P" replay "$T/late.pb" -w "$T/late.jsonl" 2>"$T/log"
holds "and gets everything, once" cmp "$T/late.jsonl" "$T/want.jsonl"

certificate
# tls CERT KEY: a broker with that certificate is at port $S.
tls() {
	rm -f "$T/port"
	"$SUPPORT/kafka_tls.py" "${B##*:}" "$1" "$2" >"$T/port" &
	children+=($!)
	await 15 test -s "$T/port"
	S=$(cat "$T/port")
}
tls "$T/cert.pem" "$T/key.pem"
run replay "$T/made.raw" -w "kafkas://localhost:$S/pb,format=pb,ca=$T/cert.pem"
check "over TLS" "$STATUS" 0
kcat_read -t pb -D '' >"$T/twice.pb"
check "it arrives" "$(stat -c %s "$T/twice.pb")" "$((2 * $(stat -c %s "$T/got.pb")))"
run replay "$T/made.raw" -w "kafkas://localhost:$S/pb,format=pb"
check "an authority that nobody knows is refused" "$STATUS" 4
holds "with the reason" grep -qi certificate "$T/log"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/other.key" -out "$T/other.pem" -days 2 \
	-subj /CN=elsewhere -addext subjectAltName=DNS:elsewhere 2>/dev/null
tls "$T/other.pem" "$T/other.key"
run replay "$T/made.raw" -w "kafkas://localhost:$S/pb,format=pb,ca=$T/other.pem"
check "a name that is not in the certificate is refused" "$STATUS" 4
holds "with the reason" grep -qi certificate "$T/log"
check "and nothing arrived there" "$(kcat_read -t pb -D '' | wc -c)" "$(stat -c %s "$T/twice.pb")"
run replay samples/raw/exec.raw -w "kafkas://localhost:$S/pb,format=pb,ca=/nonexistent"
check "a file that there is not" "$STATUS" 1
one_line "/nonexistent"
exec 9>&-
done_testing
