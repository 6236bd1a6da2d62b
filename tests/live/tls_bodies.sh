#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# Bodies as text: whatever they were coded with, byte for byte; cut ones as far as they go; those that never end, at the end.
. tests/support/lib.sh
. tests/support/tls.sh
need_root
need python3 curl nginx openssl gzip zstd brotli awk

page=$T/web/page.txt
locations=
for coding in gzip zstd br deflate 'br, gzip' 'gzip, deflate, zstd'; do
	locations+="location /${coding//, /-}.txt { gzip off; add_header Content-Encoding '$coding'; }
"
done
nginx_start "$locations location /cut.txt { gzip off; add_header Content-Encoding gzip; }"
awk -v n="$NONCE" 'BEGIN { srand(1); for (i = 0; i < 1500; i++) print i, n, rand() * 1e9, "the same again and again" }' >"$page"
gzip -c "$page" >"$T/web/gzip.txt"
zstd -qc "$page" >"$T/web/zstd.txt"
brotli -c "$page" >"$T/web/br.txt"
python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))' <"$page" >"$T/web/deflate.txt"
gzip -c "$T/web/br.txt" >"$T/web/br-gzip.txt"
python3 -c 'import sys, zlib; sys.stdout.buffer.write(zlib.compress(sys.stdin.buffer.read()))' <"$T/web/gzip.txt" |
	zstd -qc >"$T/web/gzip-deflate-zstd.txt"
head -c 6000 "$T/web/gzip.txt" >"$T/web/cut.txt"

# The body: below an empty line where it is as it was sent, else below a row or a note that ends with TEXT.
body() {
	awk -v end="$1" '/^        / { if (mine) print substr($0, 9); next } { mine = $0 == "" || index($0, end) }' "$T/a.txt"
}
for name in page gzip zstd br deflate br-gzip gzip-deflate-zstd; do
	for url in "$URL" "$H2URL"; do
		run tls -w "$T/a.txt,body=256K" -- curl -sk --max-time 30 --compressed --http2 -o "$T/got" "$url/$name.txt"
		check "$name: status" "$STATUS" 0
		check "$name: what curl makes of it" "$(cmp "$T/got" "$page" && echo same)" same
		coded="${name//-/, }, $(stat -c %s "$T/web/$name.txt") bytes of text/plain"
		check "$name: byte for byte" "$(body "${coded#page, }" | cmp - "$page" && echo same)" same
	done
done
run tls -w "$T/a.txt,body=256K" -- curl -sk --max-time 30 -o "$T/got" "$URL/cut.txt"
body "gzip, 6000 bytes of text/plain" >"$T/begin"
at_least "cut in the middle: what can be decoded" "$(wc -c <"$T/begin")" 30000
check "cut in the middle: byte for byte" "$(head -c "$(($(wc -c <"$T/begin") - 1))" "$page" | cat - <(echo) | cmp - "$T/begin" && echo same)" same
at_least "cut in the middle: is said" "$(grep -cFx '    [... and more]' "$T/a.txt")" 1

start tls --tree $$
tests/support/dialogue.py "$T/cert.pem" "$T/key.pem" halves "$NONCE" >"$T/half" &
half=$!
children+=("$half")
await 15 has "$T/half" half
seen "$T/out" "Connection: close"
kill -KILL "$half"
wait "$half" 2>/dev/null
stop
check "status" "$STATUS" 0
for name in length chunks close; do
	check "half of a body ($name), at both ends" "$(grep -cFx "        $NONCE-$name" "$T/out")" 2
done
check "each is marked" "$(grep -cFx '    [unfinished]' "$T/out")" 6
done_testing
