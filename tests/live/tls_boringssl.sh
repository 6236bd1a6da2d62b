#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# kern: openssl
# Another library than OpenSSL: connections from their beginning, by their sockets, byte for byte.
. tests/support/lib.sh
need_root
need openssl cc

include=/usr/include/android folder=/usr/lib/$(uname -m)-linux-gnu/android
libraries=("$folder/libssl.so.0" "$folder/libcrypto.so.0")
for file in "$include/openssl/ssl.h" "${libraries[@]}"; do [ -e "$file" ] || skip "no BoringSSL here: no $file"; done
holds "it builds" cc -O1 -D_GNU_SOURCE -I. -I"$include" tests/live/tls_totals.c -o "$T/boring" "${libraries[@]}" -Wl,-rpath,"$folder"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/key.pem" -out "$T/cert.pem" -days 2 -subj /CN=localhost 2>/dev/null

start tls --path "${libraries[0]}" --comm boring -w "$T/a.raw"
"$T/boring" run "$T/cert.pem" "$T/key.pem" >"$T/want" 2>"$T/run.log"
check "the program itself" $? 0
stop
check "exit status" "$STATUS" 0
"$T/boring" read "$T/a.raw" | sort >"$T/got"
check "streams at both ends" "$(wc -l <"$T/want")" 20
check "bytes and contents" "$(cat "$T/got")" "$(sort "$T/want")"
done_testing
