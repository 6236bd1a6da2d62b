-- SPDX-License-Identifier: GPL-2.0-or-later
-- Questions to an archive of penstock, for DuckDB. In the folder of the archive (*.jsonl.zst; others are named by
-- `set variable archive = '/var/log/penstock/*.jsonl'` before):
--     duckdb -init penstock.sql
--     D from ran order by time desc limit 20;
-- Nothing is loaded first: the files are read as they are, also the one that is being written.

-- Every event. What a column holds is in proto/event.proto; times and ids that JavaScript would round are texts of
-- digits. Each frame of an archive begins with the description of the recording: only the first of them counts.
create or replace view events as
select * exclude (type), type as kind, cast(time_unix_nano as bigint) as ns
from read_json(coalesce(getvariable('archive'), '*.jsonl.zst'), format = 'newline_delimited', union_by_name = true, filename = true, columns = {
  time: 'timestamptz', time_unix_nano: 'varchar', seq: 'ubigint', type: 'varchar', probe: 'varchar', flags: 'varchar[]',
  direction: 'varchar', stream_offset: 'ubigint', duration_ns: 'ubigint',
  process: 'struct(pid uinteger, tid uinteger, ppid uinteger, uid uinteger, comm varchar, exe varchar, container_id varchar)',
  exec: 'struct(path varchar, argv varchar[], cwd varchar)',
  exit: 'struct(code integer, signal integer, lifetime_ns ubigint)',
  shell: 'struct(shell varchar, command varchar, cwd varchar, tty varchar, exit_code integer)',
  sql: 'struct(id varchar, db_system varchar, side varchar, command varchar, query varchar, fingerprint varchar, database varchar,
    "user" varchar, client varchar, application varchar, params varchar[], "rows" ubigint, rows_sent ubigint, error_code integer,
    sqlstate varchar, error varchar)',
  conn: 'struct(id varchar, local_addr varchar, local_port uinteger, remote_addr varchar, remote_port uinteger, "role" varchar)',
  tls_data: 'struct(payload varchar, payload_base64 varchar, call_total ubigint, missing ubigint, protocol varchar, library varchar)',
  loss: 'struct(count ubigint, unit varchar, probe varchar, reason varchar)',
  stream_info: 'struct(host_name varchar, run_id varchar, cmdline varchar)'})
where type <> 'meta' or seq = 1;

-- Who ran what: programs started, with their arguments, and how they ended.
create or replace view ran as
select e.time, e.process.uid as uid, e.process.pid as pid, array_to_string(e.exec.argv, ' ') as command, e.exec.cwd as cwd,
       x.exit.code as status, x.exit.signal as signal, x.exit.lifetime_ns / 1e9 as seconds
from (select * from events where kind = 'exec') e
asof left join (select * from events where kind = 'exit') x
  on e.process.pid = x.process.pid and x.ns >= e.ns;

-- What was typed into shells.
create or replace view typed as
select time, process.uid as uid, process.pid as pid, shell.tty as tty, shell.cwd as cwd, shell.command as command,
       shell.exit_code as status, duration_ns / 1e9 as seconds
from events where kind = 'shell' and shell.command is not null;

-- Statements that databases were asked to run, once each.
create or replace view asked as
select time, sql.db_system as system, sql.side as side, sql.database as database, sql."user" as "user",
       coalesce(sql.client, conn.remote_addr) as client, sql.query as query, sql.fingerprint as fingerprint,
       coalesce(nullif(sql."rows", 0), sql.rows_sent) as "rows", coalesce(sql.sqlstate, cast(sql.error_code as varchar)) as state,
       sql.error as error, duration_ns / 1e6 as ms
from events where kind = 'sql' and not coalesce(list_contains(flags, 'unfinished'), false);

-- HTTP/1 requests, as the client or the server saw them, and how long the answer's first bytes took.
create or replace view requests as
with heads as (
  select ns, time, process, conn, filename,
         regexp_extract(tls_data.payload, '^([A-Z]+) (\S+) HTTP/1', ['method', 'target']) as request,
         regexp_extract(tls_data.payload, '^HTTP/1\.[01] (\d{3})', 1) as status,
         regexp_extract(tls_data.payload, '(?i)\r\nhost: *([^\r\n]+)', 1) as host
  from events where kind = 'tls_data' and tls_data.payload is not null)
select q.time, q.process.comm as comm, q.process.pid as pid, q.conn.remote_addr as peer, q.request.method as method,
       q.host as host, q.request.target as target, cast(a.status as integer) as status, (a.ns - q.ns) / 1e6 as ms
from (select * from heads where request.method <> '') q
asof left join (select * from heads where status <> '') a
  on q.conn.id = a.conn.id and q.process.pid = a.process.pid and a.ns >= q.ns;

-- Bytes of plaintext by program and peer.
create or replace view bytes as
with data as (
  select *, coalesce(strlen(tls_data.payload), octet_length(from_base64(tls_data.payload_base64)), 0) as n
  from events where kind = 'tls_data')
select process.comm as comm, conn.remote_addr as peer, conn.remote_port as port, count(distinct conn.id) as connections,
       sum(n) filter (direction = 'transmit') as sent, sum(n) filter (direction = 'receive') as received
from data group by all;

-- What is not in the archive, and why.
create or replace view lost as
select time, loss.count as count, loss.unit as unit, loss.probe as probe, loss.reason as reason from events where kind = 'loss';
