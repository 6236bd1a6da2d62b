#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A spool that is full costs what its loss records say, and no more: the collector that is there at last finds each
# number that is missing accounted for, also where records of losses were dropped themselves meanwhile.
. tests/support/lib.sh
. tests/support/tls.sh

port=$(free_port)
url="fstrm://127.0.0.1:$port,spool=$T/spool"
"$BUILD/tests/make_raw" 100000 exec >"$T/load.raw"

run replay "$T/load.raw" -w "$url,spool-size=8M"
check "nobody is there, and the spool is small: loss" "$STATUS" 4
lost=$(sed -nE 's/^penstock: LOST: .*: ([0-9]+) events that the spool had no room for.*/\1/p' "$T/log")
kept=$(sed -nE 's/^penstock: .*: ([0-9]+) events \(.*\) stay in the spool for the next run$/\1/p' "$T/log")
at_least "some were lost" "$lost" 10000
at_least "some were kept" "$kept" 10000
at_least "the spool kept its size" $((8 << 20)) "$(du -sb "$T/spool" | cut -f 1)"

"$P" collect -l "127.0.0.1:$port" -w "$T/store.pb.zst" 2>"$T/collect.log" &
collector=$!
children+=("$collector")
await 20 grep -q ready "$T/collect.log"
run replay samples/raw/bash.raw -w "$url"
check "the next run delivers both" "$STATUS $(wc -l <"$T/log")" "0 0"
kill -TERM "$collector"
wait "$collector"
check "the collector misses nothing that is not accounted for" "$(grep -c MISSING "$T/collect.log")" 0
holds "nor does verify" "$P" verify -q "$T/store.pb.zst"
told=$("$P" search -j "$T/store.pb.zst" --kind loss | jq -s 'map(.loss.count) | add')
check "what the records say is what was said at the end" "$told" "$lost"
received=$("$P" search "$T/store.pb.zst" --comm worker --count)
check "received and lost are all" $((received >= kept - 10 && received <= kept)) 1
check "the spool is empty" "$(find "$T/spool" -name '*.seg' | wc -l)" 0
done_testing
