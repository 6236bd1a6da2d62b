#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What was asked of databases is the same in every format, can be sought, and can be summed up.
. tests/support/lib.sh
need jq tshark protoc

"$BUILD/tests/make_raw" 2000 sql >"$T/a.raw"
run replay "$T/a.raw" -w "$T/a.jsonl" -w "$T/a.pb" -w "$T/a.txt" -w "$T/a.pcapng"
check "replay: status" "$STATUS" 0

# JSON. A command's rows are there where it has some, an error where it failed.
rows() { jq -c "select(.type == \"sql\") | $1" "$T/a.jsonl" | sort | uniq -c | sed 's/^ *//'; }
check "events" "$(rows '.flags' | tr '\n' ' ')" '20 ["unfinished"] 1980 null '
check "values" "$(rows 'select(.sql.command == "execute") | .sql.params' | tr '\n' ' ')" '100 ["17","x"] 100 ["17",null] '
check "errors" "$(rows 'select(.sql.error) | [.sql.error_code, .sql.sqlstate, .sql.rows]' | tr '\n' ' ')" \
	'100 [1146,"42S02",null] 100 [null,"42P01",null] '
check "long ones are whole" "$(rows 'select(.sql.query | length == 40000) | 1')" "20 1"
check "one that another one ran" "$(rows 'select(.sql.outer_id) | (.sql.id | tonumber) - (.sql.outer_id | tonumber)')" "200 1"
check "the start, and how long it took" \
	"$(rows 'select(.duration_ns) | (.time_unix_nano[-9:] | tonumber) - (.sql.start_unix_nano[-9:] | tonumber) - .duration_ns')" "1980 0"
check "databases, users and peers" "$(jq -r 'select(.sql) | [.sql.database, .sql.user, .conn.remote_addr, .conn.local_port | tostring] | join(" ")' \
	"$T/a.jsonl" | sort -u | wc -l)" 4

# The same in protobuf, read by protobuf's own program, and in Wireshark, which knows nothing of us.
python3 tests/support/messages.py proto/event.proto "$T/a.pb" "$T/pb.text"
check "protobuf: statements" "$(grep -c '^ *db_system: ' "$T/pb.text")" 2000
check "protobuf: NULL" "$(grep -c '^ *params_null: 1$' "$T/pb.text")" 100
tshark_count() { tshark -r "$T/a.pcapng" -Y "$1" 2>/dev/null | wc -l; }
check "pcapng: rows" "$(tshark_count 'systemd_journal.field.value == "sql"')" 2000
check "pcapng: what failed" "$(tshark_count 'systemd_journal.priority == 5 && systemd_journal.message contains "select * from nosuch where i = 3"')" \
	"$(rows 'select(.sql.error and (.sql.query | startswith("select * from nosuch where i = 3"))) | 1' | cut -d ' ' -f 1)"
check "pcapng: fields" "$(tshark_count 'systemd_journal.field.name == "PENSTOCK_QUERY_PARAM_2_NULL"')" 100
check "text: rows, lines and notes" "$(grep -cE '^[0-9:.]{12} ' "$T/a.txt") $(grep -c '^ *> ' "$T/a.txt") $(grep -c 'bytes more]' "$T/a.txt")" "2000 800 20"

# Search and sums.
found() { "$P" search --count "$@"; }
check "search: by its text" "$(found "$T/a.pb" -k sql -t 'nosuch where i = 1003')" 1
check "search: by what is the same in many" "$(found "$T/a.jsonl" -t 'select * from t where i = ? and s <> ?')" 100
check "search: by its error" "$(found "$T/a.pb" -e '^there is no such')" 200
check "search: by database and port" "$(found "$T/a.pb" -t shop --port 5432)" 1000
stat=$("$P" stat --json --by fingerprint --top 100 "$T/a.pb")
check "stat: statements" "$(jq -c '[.statements[] | select(.failed > 0)] | length, .[0].calls, .[0].failed' <<<"$stat" | tr '\n' ' ')" "1 200 200 "
check "stat: the time of all" "$(jq '[.statements[].total_ns] | add' <<<"$stat")" "$(jq -s 'map(.duration_ns // 0) | add' "$T/a.jsonl")"
check "stat: calls" "$(jq '[.statements[].calls] | add' <<<"$stat")" 1980
check "stat: only that table" "$(jq 'has("programs")' <<<"$stat")" false
check "stat: in 80 columns" "$("$P" stat "$T/a.pb" | awk 'length > 80' | wc -l)" 0
done_testing
