-- SPDX-License-Identifier: GPL-2.0-or-later
-- Events of penstock in ClickHouse: from archives, or as they come out of Kafka (kafka.sql, which fills the same table).
-- Load each finished file, then ask:
--     clickhouse-client --queries-file penstock.sql
--     zstdcat run-*.jsonl.zst | clickhouse-client --input_format_skip_unknown_fields=1 --query "insert into penstock_events format JSONEachRow"
-- or, in the folder that the server may read (user_files):
--     insert into penstock_events select * from file('run-*.jsonl.zst', JSONEachRow) settings input_format_skip_unknown_fields = 1;
-- Without a server, over the files as they are: clickhouse local --queries-file penstock.sql, and `from file(…)`.

create table if not exists penstock_events
(
    time           DateTime64(9, 'UTC') codec (Delta, ZSTD),
    seq            UInt64 codec (Delta, ZSTD),
    host           LowCardinality(String), -- from Kafka alone, as is the next: files name their host in the row of type 'meta'
    stream         LowCardinality(String),
    type           LowCardinality(String),
    probe          LowCardinality(String),
    flags          Array(LowCardinality(String)),
    direction      LowCardinality(String),
    stream_offset  UInt64,
    duration_ns    UInt64,
    process        Tuple(pid UInt32, ppid UInt32, uid UInt32, comm LowCardinality(String), exe String, container_id String),
    exec           Tuple(path String, argv Array(String), cwd String),
    exit           Tuple(code Int32, signal Int32, lifetime_ns UInt64),
    shell          Tuple(command String, cwd String, tty String, exit_code Int32),
    sql            Tuple(db_system LowCardinality(String), side LowCardinality(String), command LowCardinality(String), query String,
                         fingerprint String, database LowCardinality(String), user LowCardinality(String), client String,
                         application String, rows UInt64, rows_sent UInt64, error_code Int32, sqlstate LowCardinality(String),
                         error String),
    conn           Tuple(id String, local_addr String, local_port UInt16, remote_addr String, remote_port UInt16, role LowCardinality(String)),
    tls_data       Tuple(payload String, payload_base64 String, protocol LowCardinality(String), library LowCardinality(String)),
    loss           Tuple(count UInt64, unit String, probe String, reason String),
    stream_info    Tuple(host_name String, run_id String)
)
engine = ReplacingMergeTree order by (type, time, host, stream, seq) partition by toYYYYMMDD(time) -- what comes twice goes in the end
ttl toDateTime(time) + interval 30 day;

-- Each frame of an archive begins with the description of the recording: `where type <> 'meta' or seq = 1` leaves the first.

-- Who ran what in the last day.
select time, process.uid, process.pid, arrayStringConcat(exec.argv, ' ') as command, exec.cwd
from penstock_events where type = 'exec' and time > now() - interval 1 day order by time desc limit 50;

-- Bytes of plaintext by program and peer.
select process.comm, conn.remote_addr, conn.remote_port, uniq(conn.id) as connections, sum(length(tls_data.payload)) as bytes
from penstock_events where type = 'tls_data' group by all order by bytes desc limit 20;

-- Statements that differ only in their values: which of them took how long.
select sql.fingerprint, count() as calls, countIf(sql.error_code != 0 or sql.sqlstate != '') as failed,
       sum(duration_ns) / 1e6 as total_ms, avg(duration_ns) / 1e6 as mean_ms, max(duration_ns) / 1e6 as longest_ms
from penstock_events where type = 'sql' and not has(flags, 'unfinished') group by all order by total_ms desc limit 20;

-- What is missing, and why.
select time, loss.probe, loss.reason, loss.count, loss.unit from penstock_events where type = 'loss' order by time;
