#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# With streams=on, statements are conversations that Wireshark dissects: in every file, complete, and without a doubt of its.
. tests/support/lib.sh
need jq tshark capinfos reordercap

"$BUILD/tests/make_raw" 800 sql >"$T/a.raw"
run replay "$T/a.raw" -w "$T/a.jsonl" -w "$T/a.pcapng,streams=on" -w "$T/rows.pcapng" -w "$T/b.pcapng,streams=on,size=300K"
check "replay: status" "$STATUS" 0
fields=(mysql.query pgsql.query mysql.error_code pgsql.code mysql.affected_rows mysql.user mysql.schema mysql.command mysql.exec.field.long
	pgsql.val.data pgsql.type tcp.time_delta tcp.analysis.flags _ws.malformed _ws.expert.severity)
dissect() { # what tshark says of the conversations in a file, in one go: it takes longest to start
	tshark -r "$1" -Y tcp -T json "${fields[@]/#/-e}" 2>/dev/null | jq -c '.[]._source.layers' >"$T/$(basename "$1").layers"
}
seen() { jq -r "$1" "$T/${2:-a.pcapng}.layers"; }
asked() { jq -r 'select(.type == "sql" and (.flags // [] | index("unfinished") | not) and .sql.command != "statement")'" | $1" "$T/a.jsonl"; }
queries='select(.sql.db_system == "mysql" and (.sql.command | test("query|execute|call")))'
dissect "$T/a.pcapng"
at_least "there is something of MySQL" "$(asked "$queries | 1" | wc -l)" 100
check "MySQL's texts" "$(seen '."mysql.query"[]?' | sort | md5sum)" "$(asked "$queries | .sql.query" | sort | md5sum)"
check "PostgreSQL's texts" "$(seen '."pgsql.query"[]?' | sort | md5sum)" "$(asked 'select(.sql.db_system == "postgresql") | .sql.query' | sort | md5sum)"
executed=$(asked 'select(.sql.db_system == "mysql" and .sql.command == "execute") | .sql.params[0]')
check "MySQL's values" "$(seen 'select(."mysql.command"[0] == "23") | ."mysql.exec.field.long"[]')" "$executed"
check "PostgreSQL's values" "$(seen '."pgsql.val.data"[]?' | grep -c '^31:\?37$')" "$(asked 'select(.sql.db_system == "postgresql" and .sql.command == "execute") | 1' | wc -l)"
check "errors" "$(seen 'select(."mysql.error_code"[0]? == "1146") | 1' | wc -l) $(seen 'select(."pgsql.code"[0]? == "42P01") | 1' | wc -l)" \
	"$(asked 'select(.sql.error_code == 1146) | 1' | wc -l) $(asked 'select(.sql.sqlstate == "42P01") | 1' | wc -l)"
check "rows that were affected" "$(seen '."mysql.affected_rows"[]?' | awk '{ n += $1 } END { print n }')" \
	"$(asked 'select(.sql.db_system == "mysql" and .sql.command != "prepare") | .sql.rows // 0' | jq -s add)"
check "who logs in, and where" "$(seen 'select(."mysql.user") | "\(."mysql.user"[0]) \(."mysql.schema"[0])"' | sort -u)" \
	"$(asked 'select(.sql.db_system == "mysql") | "\(.sql.user) \(.sql.database)"' | sort -u)"
check "how long an answer took" "$(seen 'select(((."pgsql.type" // []) | index("Command completion")) and (."tcp.time_delta"[0] | tonumber) > 0) | 1' | wc -l | awk '{ print ($1 > 100) }')" 1
reordercap "$T/a.pcapng" "$T/sorted.pcapng" >/dev/null 2>&1
dissect "$T/sorted.pcapng"
check "in the order of time, it is the same" "$(sort "$T/sorted.pcapng.layers" | md5sum)" "$(sort "$T/a.pcapng.layers" | md5sum)"
for file in "$T"/b*.pcapng; do dissect "$file"; done
for layers in "$T"/*.layers; do # 6291456: a warning
	check "no doubts about $(basename "$layers")" "$(jq -c 'select(."_ws.malformed" or ."tcp.analysis.flags" or any(."_ws.expert.severity"[]?; tonumber >= 6291456))' "$layers" | head -3)" ""
done
at_least "several files" "$(printf '%s\n' "$T"/b*.pcapng | wc -l)" 2
check "in all of them the same" "$(cat "$T"/b*.layers | jq -r '."mysql.query"[]?, ."pgsql.query"[]?' | wc -l)" "$(seen '."mysql.query"[]?, ."pgsql.query"[]?' | wc -l)"
check "without streams=on there are rows alone" "$(capinfos "$T/rows.pcapng" | grep -c 'Name = sql')" 0
check "a place of its own" "$(capinfos "$T/a.pcapng" | grep -c 'Name = sql')" 1
done_testing
