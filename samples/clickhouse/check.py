#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs penstock.sql and kafka.sql in ClickHouse as a library, without a server and without Kafka: the bytes of a message
are read from a file, and go through the same view. What comes of archives in JSON and of messages must be the same rows.
Usage: check.py PROTO-FILE FOLDER, which has NAME.jsonl and NAME.pb of the same recordings; 77 without the module chdb."""
import json
import pathlib
import re
import sys

try:
    import chdb
except ImportError:
    print("no module chdb for this python3: pip install chdb")
    sys.exit(77)

here = pathlib.Path(__file__).parent
proto, folder = (pathlib.Path(p).resolve() for p in sys.argv[1:])
db = chdb.connect(":memory:")


def statements(name):
    text = re.sub(r"--[^\n]*", "", (here / name).read_text())
    return [part.strip() for part in text.split(";") if part.strip()]


def ask(query):
    return str(db.query(query, "TSV")).splitlines()


def refused(statement):
    try:
        db.query(statement)
    except Exception as error:  # its only class is not the same in every version
        return str(error)
    return ""


schema = [part for part in statements("penstock.sql") if part.startswith("create")]
questions = [part for part in statements("penstock.sql") if part.startswith("select")]
for part in schema:
    db.query(part)
for archive in sorted(folder.glob("*.jsonl")):
    db.query(f"insert into penstock_events settings input_format_skip_unknown_fields = 1 format JSONEachRow "
             f"{archive.read_text()}")
assert len(questions) >= 3
for part in questions:
    db.query(part)

# The statement for the table of Kafka: the library has the engine, and nothing that could run it, which it finds out
# after it has understood everything. A setting that there is not is told before.
kafka, *views = statements("kafka.sql")
assert "nonsense" in refused(kafka.replace("kafka_num_consumers", "kafka_nonsense"))
good = refused(kafka)
assert "Shutdown was called" in good or not good, good
db.query("drop table if exists penstock_kafka")

# The same columns, and those that the engine adds, over messages from files.
columns = kafka[kafka.index("(") + 1:kafka.index("engine =")].rstrip().removesuffix(")")
db.query(f"create table penstock_kafka ({columns}, _key String, _headers Nested(name String, value String), _topic String,"
         f" _partition UInt64, _offset UInt64, _error String, _raw_message String) engine = Null")
db.query("rename table penstock_events to from_json")
for part in [*schema, *views]:
    db.query(part)
names = [row.split("\t")[0] for row in ask("describe table penstock_kafka") if not row.startswith("_")]
structure = columns.replace("'", "\\'")
for again in range(2):  # as a consumer that was killed before it said what it has
    for message in sorted(folder.glob("*.pb")):
        db.query(f"insert into penstock_kafka ({', '.join(names)}, _key, `_headers.name`, `_headers.value`) "
                 f"select *, 'web-1', ['content-type', 'penstock-stream'], ['application/x-protobuf', '{message.stem}'] "
                 f"from file('{message}', Protobuf, '{structure}') settings format_schema = '{proto}:Event'")
db.query("insert into penstock_kafka (_topic, _error, _raw_message) values ('penstock', 'what is that?', 'x')")

assert ask("select uniqExact(host), any(host), uniqExact(stream) from penstock_events") == [
    f"1\tweb-1\t{len(list(folder.glob('*.pb')))}"]
assert ask("select topic, error, message from penstock_kafka_errors") == ["penstock\twhat is that?\tx"]
row = """time, seq, type, probe, flags, direction, stream_offset, duration_ns, process, exec, exit, shell, sql, if(conn.id = '' or
    conn.id = '0000000000000000', '', toString(conn)), hex(if(tls_data.payload_base64 = '', tls_data.payload,
    base64Decode(tls_data.payload_base64))), tls_data.protocol, tls_data.library, loss, stream_info"""
# Texts that are not UTF-8 stand under other names in JSON (command_base64), which the table does not have.
odd = "select time, seq from penstock_events where not isValidUTF8(toString((process, exec, shell, sql)))"
for table in ("from_json", "penstock_events"):
    db.query(f"create view rows_{table} as select {row} from {table} final where (time, seq) not in ({odd})")
assert len(set(ask(odd))) < 5
both = [set(ask(f"select * from rows_{table}")) for table in ("from_json", "penstock_events")]
for row in sorted(both[0] ^ both[1])[:6]:
    print("only in", "JSON:   " if row in both[0] else "messages:", row)
assert both[0] == both[1], f"{len(both[0] - both[1])} and {len(both[1] - both[0])} rows differ"
assert len(both[0]) > 50
types = ask("select distinct type from penstock_events order by 1")
assert {"exec", "exit", "meta", "shell", "tls_data"} <= set(types), types
# The questions of Grafana's dashboard, with what its plugin puts in the place of its words.
board = json.loads((here.parent / "grafana" / "penstock.json").read_text())
asked = [target["rawSql"] for panel in board["panels"] for target in panel["targets"]]
asked += [variable["query"] for variable in board["templating"]["list"]]
for query in asked:
    query = re.sub(r"[$]__timeFilter[(](\w+)[)]", r"(\1 >= toDateTime(0) and \1 <= now())", query)
    query = re.sub(r"[$]__timeInterval[(](\w+)[)]", r"toStartOfInterval(toDateTime(\1), interval 60 second)", query)
    query = re.sub(r"[$]__conditionalAll[(](.*?[)]), [$]host[)]", r"\1", query).replace("${host:singlequote}", "'web-1'")
    assert "$" not in query, query
    rows = ask(query)
    assert rows or "'loss'" in query or ("'sql'" in query and "sql" not in types) or "interval 1 day" in query, query
print(f"{len(both[0])} rows are the same from archives and from messages, ClickHouse {ask('select version()')[0]}")
