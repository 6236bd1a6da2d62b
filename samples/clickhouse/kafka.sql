-- SPDX-License-Identifier: GPL-2.0-or-later
-- What penstock sends to Kafka (-w kafka://BROKER/penstock), in ClickHouse within seconds. Run penstock.sql first: it
-- makes the table that this fills.
--     cp proto/event.proto /var/lib/clickhouse/format_schemas/     # where the server looks for schemas
--     clickhouse-client --queries-file penstock.sql kafka.sql
-- Change the broker and the topic below. ClickHouse takes each message once its rows are stored; after a crash of either
-- side some rows come twice, and ReplacingMergeTree drops one of them: `select … final` counts each once even before.

-- The topic as a table that can be read once. One message is many events: 'Protobuf' is the format with a length in front
-- of each. Only the fields that are named here are decoded.
create table if not exists penstock_kafka
(
    time_unix_nano UInt64,
    seq            UInt64,
    type           String,
    probe          String,
    flags          UInt32,
    direction      String,
    stream_offset  UInt64,
    duration_ns    UInt64,
    process        Tuple(pid UInt32, ppid UInt32, uid UInt32, comm String, exe String, container_id String),
    exec           Tuple(path String, argv Array(String), cwd String),
    exit           Tuple(code Int32, signal Int32, lifetime_ns UInt64),
    shell          Tuple(command String, cwd String, tty String, exit_code Int32),
    sql            Tuple(db_system String, side String, command String, query String, fingerprint String, database String,
                         user String, client String, application String, rows UInt64, rows_sent UInt64, error_code Int32,
                         sqlstate String, error String),
    conn           Tuple(id UInt64, local_addr String, local_port UInt32, remote_addr String, remote_port UInt32, role String),
    tls_data       Tuple(payload String, protocol String, library String),
    loss           Tuple(count UInt64, unit String, probe String, reason String),
    stream_info    Tuple(host_name String, run_id UInt64)
)
engine = Kafka
settings
    kafka_broker_list = 'kafka:9092',
    kafka_topic_list = 'penstock',
    kafka_group_name = 'clickhouse',
    kafka_format = 'Protobuf',
    kafka_schema = 'event:Event',
    kafka_num_consumers = 1,            -- at most one for each partition of the topic, and for each core
    kafka_flush_interval_ms = 2000,     -- rows are stored that often, if no block is full before
    kafka_handle_error_mode = 'stream'; -- a message that is not ours is set aside (below) and holds up nobody

-- Addresses are 4 or 16 bytes on the wire, and text in the table.
create function if not exists penstock_address as (a) ->
    multiIf(length(a) = 4, IPv4NumToString(reinterpretAsUInt32(reverse(a))),
            length(a) = 16, IPv6NumToString(toFixedString(substring(a, 1, 16), 16)), '');

-- From each message of the topic into the table, with the words that archives in JSON have. The key of a message is the
-- host. What has no number is no event: the description of a process or a stream, which is repeated now and then.
create materialized view if not exists penstock_from_kafka to penstock_events as
select
    fromUnixTimestamp64Nano(toInt64(time_unix_nano), 'UTC') as time,
    seq,
    _key as host,
    _headers.value[indexOf(_headers.name, 'penstock-stream')] as stream,
    lower(type) as type,
    probe,
    arrayMap(bit -> ['truncated', 'redacted', 'gap', 'unfinished', 'no_process', 'fault', 'in_progress', 'unseen'][bit + 1],
             arrayFilter(bit -> bit < 8, bitPositionsToArray(flags))) as flags,
    transform(direction, ['DIRECTION_TRANSMIT', 'DIRECTION_RECEIVE'], ['transmit', 'receive'], '') as direction,
    stream_offset,
    duration_ns,
    process,
    exec,
    exit,
    shell,
    sql,
    (leftPad(lower(hex(conn.id)), 16, '0'), penstock_address(conn.local_addr), conn.local_port,
     penstock_address(conn.remote_addr), conn.remote_port,
     transform(conn.role, ['ROLE_CLIENT', 'ROLE_SERVER'], ['client', 'server'], ''))::Tuple(id String, local_addr String,
        local_port UInt16, remote_addr String, remote_port UInt16, role String) as conn,
    (tls_data.payload, '', tls_data.protocol, tls_data.library)::Tuple(payload String, payload_base64 String,
        protocol String, library String) as tls_data, -- a String of ClickHouse holds any bytes
    (loss.count, transform(loss.unit, ['RECORDS', 'EVENTS'], ['records', 'events'], ''), loss.probe,
     loss.reason)::Tuple(count UInt64, unit String, probe String, reason String) as loss,
    (stream_info.host_name, if(stream_info.run_id = 0, '', toString(stream_info.run_id)))::Tuple(host_name String,
        run_id String) as stream_info
from penstock_kafka
where seq > 0 and _error = '';

-- What could not be decoded: another producer's messages in our topic.
create table if not exists penstock_kafka_errors
(
    time    DateTime,
    topic   String,
    part    UInt64,
    place   UInt64,
    error   String,
    message String
)
engine = MergeTree order by time ttl time + interval 7 day;

create materialized view if not exists penstock_kafka_errors_view to penstock_kafka_errors as
select now() as time, _topic as topic, _partition as part, _offset as place, _error as error, _raw_message as message
from penstock_kafka
where _error != '';
