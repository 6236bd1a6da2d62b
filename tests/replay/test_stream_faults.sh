#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Whatever happens between a sender and its collector, each event arrives once, or is told as lost.
. tests/support/lib.sh
. tests/support/tls.sh
need python3

listens() { grep -qx ready "$T/log"; }
collect() { # FOLDER
	mkdir "$T/$1"
	start collect --listen "127.0.0.1:$PORT" -w "$T/$1/a.pb"
}
between() { # DEED…: each done to one connection; PROXY is the port before the collector's
	: >"$T/proxy"
	tests/support/hostile.py "$PORT" "$@" >"$T/proxy" 2>"$T/connections" &
	BETWEEN=$!
	children+=("$BETWEEN")
	await 15 test -s "$T/proxy"
	PROXY=$(cat "$T/proxy")
}
# What the files hold, without the ids of the streams.
events() { tests/support/streams.py "$@" | cut -d' ' -f2- | sort; }
replay() { # ARG…
	timeout 60 "$P" replay -q "$@" 2>"$T/sender.log"
	STATUS=$?
}

"$BUILD/tests/make_raw" 20000 exec >"$T/load.raw"
"$P" replay -q "$T/load.raw" -w "$T/load.pb"
events "$T/load.pb" >"$T/load.events"
PORT=$(free_port)

# -- each deed, twice, and then nothing stands in the way
for deed in refuse rst:10 rst:100 rst:5000 rst:1000000 half bytes garbage huge zeros type chatter stop finish control damage \
	future other status swap again flood; do
	collect "$deed"
	between "$deed" "$deed"
	replay "$T/load.raw" -w "fstrm://127.0.0.1:$PROXY"
	check "$deed: status" "$STATUS" 0
	at_least "$deed: few words" 1 "$(wc -l <"$T/sender.log")"
	kill "$BETWEEN"
	stop TERM
	check "$deed: the collector" "$STATUS" 0
	events "$T/$deed/a.pb" >"$T/got"
	holds "$deed: all of it, once" cmp "$T/got" "$T/load.events"
done

# -- one endpoint hangs up, and the other one has it all
collect two
between refuse refuse refuse
replay "$T/load.raw" -w "fstrm://127.0.0.1:$(free_port),127.0.0.1:$PROXY"
check "two endpoints: status" "$STATUS" 0
kill "$BETWEEN"
stop TERM
events "$T/two/a.pb" >"$T/got"
holds "two endpoints: all of it, once" cmp "$T/got" "$T/load.events"

# -- a sender that is killed: what it had put into its spool comes, and nothing twice
collect killed
"$BUILD/tests/make_raw" 100000 exec >"$T/large.raw"
for _ in $(seq 12); do
	"$P" replay -q "$T/large.raw" -w "fstrm://127.0.0.1:$PORT,spool=$T/spool" 2>>"$T/sender.log" &
	sender=$!
	sleep "0.0$((RANDOM % 10))"
	kill -KILL "$sender" 2>/dev/null
	wait "$sender" 2>/dev/null
done
replay --drain-timeout 60s "$T/large.raw" -w "fstrm://127.0.0.1:$PORT,spool=$T/spool"
# What was torn by a kill had not been put, and is told.
check "killed senders: nothing else is lost" "$(grep LOST "$T/sender.log" | grep -v 'events of earlier runs')" ""
check "killed senders: nothing waits" "$(find "$T/spool" -name '*.seg')" ""
stop TERM
"$P" replay -q "$T/large.raw" -w "$T/large.pb"
events "$T/large.pb" >"$T/large.events"
events "$T/killed/a.pb" >"$T/got"
holds "killed senders: all of it, once" cmp "$T/got" "$T/large.events"

# -- a spool that somebody deletes is no place where things wait
mkfifo "$T/fifo"
"$P" replay - --drain-timeout 500ms -w "fstrm://127.0.0.1:$PORT,spool=$T/gone" <"$T/fifo" 2>"$T/sender.log" &
sender=$!
children+=("$sender")
exec 7>"$T/fifo"
head -c 2000000 "$T/load.raw" >&7
segment() { compgen -G "$T/gone/*.seg" >/dev/null; }
await 15 segment
rm -r "$T/gone"
tail -c +2000001 "$T/load.raw" >&7
exec 7>&-
wait "$sender"
check "a deleted spool: status" "$?" 4
holds "a deleted spool: all of it is told" grep -q "LOST.* $(($(wc -l <"$T/load.events") + 1)) events" "$T/sender.log"

# -- names that are none
for name in 'tcps://user@localhost:1' 'tcps://a b:1' 'fstrms://a/b:1' 'fstrms://a?b:1'; do
	run replay "$T/load.raw" -w "$name"
	check "$name: status" "$STATUS" 2
	one_line "names no host"
done
run replay "$T/load.raw" -w "tcp-listen://192.0.2.1:1"
one_line "use tcps-listen://"
done_testing
