#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# With streams=on, statements are conversations that Wireshark dissects: in every file, complete, and without a doubt of its.
. tests/support/lib.sh
need jq tshark capinfos

"$BUILD/tests/make_raw" 800 sql >"$T/a.raw"
run replay "$T/a.raw" -w "$T/a.jsonl" -w "$T/a.pcapng,streams=on" -w "$T/rows.pcapng" -w "$T/b.pcapng,streams=on,size=300K"
check "replay: status" "$STATUS" 0
asked() { jq -r 'select(.type == "sql" and (.flags // [] | index("unfinished") | not) and .sql.command != "statement")'" | $1" "$T/a.jsonl"; }
seen_by() { tshark -r "$2" -Y "$1" 2>/dev/null | wc -l; }
mysql=$(asked 'select(.sql.db_system == "mysql" and (.sql.command | test("query|execute|call"))) | 1' | wc -l)
postgres=$(asked 'select(.sql.db_system == "postgresql") | 1' | wc -l)
at_least "there is something of MySQL" "$mysql" 100
check "MySQL's statements" "$(seen_by mysql.query "$T/a.pcapng")" "$mysql"
check "PostgreSQL's statements" "$(seen_by pgsql.query "$T/a.pcapng")" "$postgres"
texts() { tshark -r "$T/a.pcapng" -Y "$1" -T json -e "$1" 2>/dev/null | jq -r '.[]._source.layers[][0]' | sort | md5sum; }
check "MySQL's texts" "$(texts mysql.query)" "$(asked 'select(.sql.db_system == "mysql" and (.sql.command | test("query|execute|call"))) | .sql.query' | sort | md5sum)"
check "errors" "$(seen_by 'mysql.error_code == 1146' "$T/a.pcapng") $(seen_by 'pgsql.code == "42P01"' "$T/a.pcapng")" \
	"$(asked 'select(.sql.error_code == 1146) | 1' | wc -l) $(asked 'select(.sql.sqlstate == "42P01") | 1' | wc -l)"
check "rows that were affected" "$(tshark -r "$T/a.pcapng" -Y mysql.affected_rows -T fields -e mysql.affected_rows 2>/dev/null | tr ',' '\n' | awk '{ n += $1 } END { print n }')" \
	"$(asked 'select(.sql.db_system == "mysql" and .sql.command != "prepare") | .sql.rows // 0' | jq -s add)"
check "who logs in, and where" "$(tshark -r "$T/a.pcapng" -Y mysql.user -T fields -e mysql.user -e mysql.schema 2>/dev/null | sort -u | wc -l)" \
	"$(asked 'select(.sql.db_system == "mysql") | "\(.sql.user) \(.sql.database)"' | sort -u | wc -l)"
for file in "$T"/a.pcapng "$T"/b*.pcapng; do
	check "no doubts about $(basename "$file")" "$(tshark -r "$file" -q -z expert,warn 2>/dev/null | grep -cE '^ +[0-9]+ ')" 0
	check "no packet is malformed in $(basename "$file")" "$(seen_by '_ws.malformed or tcp.analysis.flags' "$file")" 0
done
at_least "several files" "$(ls "$T"/b*.pcapng | wc -l)" 2
check "in all of them the same" "$(for file in "$T"/b*.pcapng; do seen_by 'mysql.query or pgsql.query' "$file"; done | awk '{ n += $1 } END { print n }')" $((mysql + postgres))
check "how long an answer took" "$(tshark -r "$T/a.pcapng" -Y 'pgsql.type == "Command completion" and tcp.time_delta > 0' 2>/dev/null | wc -l | awk '{ print ($1 > 100) }')" 1
check "without streams=on there are rows alone" "$(seen_by tcp "$T/rows.pcapng")" 0
check "a place of its own" "$(capinfos "$T/a.pcapng" | grep -c 'Name = sql')" 1
done_testing
