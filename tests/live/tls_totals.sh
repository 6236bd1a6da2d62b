#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# Byte totals and contents of TLS connections, in both directions: what the library's callers were told, and what was recorded.
. tests/support/lib.sh
need_root
need openssl cc
need_header openssl/ssl.h

holds "it builds" cc -O1 -D_GNU_SOURCE -I. tests/live/tls_totals.c -o "$T/totals" -lssl -lcrypto
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=localhost 2>/dev/null

start tls --comm totals -w "$T/a.raw"
"$T/totals" run "$T/cert.pem" "$T/key.pem" >"$T/want" 2>"$T/run.log"
check "the program itself" $? 0
stop
check "exit status" "$STATUS" 0
"$T/totals" read "$T/a.raw" | sort >"$T/got"
check "streams at both ends" "$(wc -l <"$T/want")" 20
check "bytes and contents" "$(cat "$T/got")" "$(sort "$T/want")"

# what a limit cuts is flagged, and still counted
start tls --comm totals --max-payload 1000 -w "$T/cut.raw"
"$T/totals" run "$T/cert.pem" "$T/key.pem" >"$T/want" 2>"$T/run.log"
stop
"$T/totals" read "$T/cut.raw" >"$T/got"
at_least "records flagged truncated" "$(grep -c 'flags 0x4' "$T/got")" 4
# linked in, and no more of it than the program uses
printf 'int SSL_read_ex(void) { return 0; }\nint SSL_write_ex(void) { return 0; }\nint main(void) { return 0; }\n' | cc -x c -o "$T/ex" -
check "a program that has SSL_*_ex alone" "$("$P" check --target "$T/ex" | grep -c ': uprobe SSL_\(read\|write\)_ex at ')" 2
done_testing
