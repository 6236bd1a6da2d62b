/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
/*
 * THE contract between the kernel programs, the sources and the raw recording: fixed layouts, in
 * host byte order, times in nanoseconds of CLOCK_BOOTTIME.
 *
 * Every record starts with struct rec. rec.len counts the whole record with its variable part and
 * is what the raw recording stores, padded with zeroes to 8 bytes; the space reserved in the ring
 * may be larger. Kinds and fields are only ever added: a new field takes reserved bytes or the
 * space behind the present ones, before `data`; REC_VERSION counts changes that readers must know.
 * Reserved bytes are written as 0 and never read: in older recordings some are not 0.
 *
 * Included by BPF programs (no libc) and by user space.
 */
#ifdef __bpf__
#include "kern/ktypes.h"
#else
#include <linux/types.h>
#endif

enum {
	REC_VERSION = 1,
	REC_COMM = 16,
	REC_MAX = 128 * 1024, /* the largest record; longer payloads are split */
	REC_PART = 16 * 1024, /* payload of one part of a split one, at most */
	/* What is kept of a text that is joined from parts (a line, an argument block); the rest is
	 * cut, and the text flagged. With this one event, written plainly in any format, there is
	 * room to spare in the largest chunk (CHUNK_JUMBO), and Linux allows no more than 6 MiB of
	 * arguments. */
	REC_TEXT_MAX = 7 * 1024 * 1024,
	/* The same for a statement: with max_allowed_packet as it is by default, all of it. */
	REC_QUERY_MAX = 17 * 1024 * 1024,
};

/* Kinds of record. Numbers are stored in recordings: never reused. */
enum rec_kind {
	REC_NONE = 0,
	/* inserted by the sources */
	REC_RUN = 1,      /* struct rec_run: who records, where, with what */
	REC_CLOCK = 2,    /* struct rec_clock */
	REC_TICK = 3,     /* struct rec alone: record time has reached rec.time */
	REC_PROC = 4,     /* struct rec_proc: a process that was there before us, from /proc */
	REC_COUNTERS = 5, /* struct rec_counters: what the kernel side counted so far */
	REC_ATTACH = 6,   /* struct rec_attach: a hook was attached, or could not be */
	REC_STOP = 7,     /* struct rec alone: the run was stopped in good order */
	REC_INTERFACE = 8,
	REC_LOSS = 9, /* struct rec_loss: records that did not get into this recording */
	/* emitted by kernel programs */
	REC_FORK = 16,     /* struct rec_fork: task is the child */
	REC_EXEC = 17,     /* struct rec_exec and its parts */
	REC_EXIT = 18,     /* struct rec_exit: the last thread of a process has gone */
	REC_CGROUP = 19,   /* struct rec_cgroup: a cgroup was made */
	REC_LINE = 20,     /* struct rec_line: a line typed into a shell, and its parts */
	REC_LINE_END = 21, /* struct rec_line_end */
	REC_QUERY = 22,    /* struct rec_query: a statement begins, and its parts */
	REC_DATA = 23,
	REC_SECRET = 24,
	REC_FLOW = 25,
	REC_QUERY_END = 26,  /* struct rec_query_end */
	REC_QUERY_BIND = 27, /* struct rec_query_bind: values for a later statement */
};

enum rec_flags {
	REC_F_MORE = 1,      /* another part of the same payload follows under the same id */
	REC_F_PART = 2,      /* not the first part: rec_part, not the kind's own struct */
	REC_F_TRUNCATED = 4, /* the payload was cut: its original length is in the record */
	REC_F_FAULT = 8,     /* some user memory could not be read; what was read is here */
};

struct rec {
	__u32 len;   /* of the whole record */
	__u8 kind;   /* enum rec_kind */
	__u8 flags;  /* enum rec_flags */
	__u16 probe; /* number in probes/probes.def; 0 = core */
	__u64 time;  /* CLOCK_BOOTTIME */
};

/* The process and thread a record is about, in the root namespaces. */
struct rec_task {
	__u32 pid; /* thread group */
	__u32 tid;
	__u32 ppid;
	__u32 uid, gid; /* real ids */
	__u32 loginuid; /* ~0 = unset or no audit */
	__u32 ns_pid;   /* pid in the task's own pid namespace */
	__u32 cpu;
	__u64 start;         /* boot time at which the process started: with pid, its identity */
	__u64 cgroup;        /* id in the unified hierarchy */
	char comm[REC_COMM]; /* of the thread group's leader; nothing is said about what follows the
			      * NUL */
};

/* ---- sources ------------------------------------------------------------------------------ */

struct rec_run {
	struct rec rec;
	__u32 version; /* REC_VERSION */
	__u32 pid;     /* of the recorder */
	__u8 boot_id[16];
	__u8 host_id[16]; /* derived from the machine id, which itself is not disclosed */
	__u64 probes[4];  /* bit n: probe number n was selected */
	__u64 run_id;     /* random */
	__u64 reserved[2];
	/* NUL-terminated texts, one after the other: host name, OS, kernel release, architecture,
	 * version of penstock, command line */
	char data[];
};

struct rec_clock {
	struct rec rec;
	__u64 unix_ns; /* CLOCK_REALTIME at rec.time */
	__u64 reserved;
};

/* data: exe, cwd, cgroup path, then cmdline (arguments with a NUL after each). */
struct rec_proc {
	struct rec rec;
	struct rec_task task;
	__u16 exe_len, cwd_len, cgroup_len, reserved;
	__u32 cmdline_len, reserved2;
	char data[];
};

enum kcounter {
#define KCOUNTER(sym, name, loss, help) KC_##sym,
#include "kern/counters.def"
#undef KCOUNTER
	KC_MAX
};

enum {
	PROBE_MAX = 64
}; /* numbers in probes.def are below this */

struct rec_counter {
	__u16 probe;
	__u16 counter; /* enum kcounter */
	__u32 reserved;
	__u64 value; /* since start, all CPUs */
};

struct rec_counters {
	struct rec rec;
	__u32 n, reserved;
	__u64 ring_size, ring_high; /* bytes: capacity, most that was ever unread at a look */
	__u64 read;                 /* records the reader took from the ring so far */
	struct rec_counter v[];     /* those that are not zero */
};

struct rec_attach {
	struct rec rec;
	__u64 offset; /* in the file */
	__u32 pid;    /* the process in which the file was found, 0 = none in particular */
	__s32 status; /* 0 attached, else negative errno */
	__u16 hook_len, target_len, note_len, reserved;
	__u32 reserved2[2];
	char data[]; /* hook ("uretprobe readline"), target (path), note */
};

/* Written by the raw output itself. data: reason, as named in capture/stats.def. */
struct rec_loss {
	struct rec rec;
	__u64 count;
	__u64 first_ns, last_ns; /* the span in which they were lost */
	__u32 reason_len, reserved;
	char data[];
};

/* ---- kernel ------------------------------------------------------------------------------- */

/* A part that is not the first one of its payload. */
struct rec_part {
	struct rec rec;
	__u64 id; /* as in the first part */
	__u32 pid, reserved;
	__u32 offset, n; /* where these bytes lie in the whole payload */
	char data[];
};

struct rec_fork {
	struct rec rec;
	struct rec_task task; /* the child; ppid is the process that forked */
};

/*
 * data: exe (absolute path), cwd, then the first bytes of the argument block (arguments with a NUL
 * after each), args_len of it in this record, args_total in all; the rest follows as parts.
 */
struct rec_exec {
	struct rec rec;
	struct rec_task task;
	__u64 id; /* of this image: the time of the exec; parts carry it */
	__u32 reserved;
	__u16 exe_len, cwd_len;
	__u32 args_len, args_total;
	char data[];
};

struct rec_exit {
	struct rec rec;
	struct rec_task task;
	__u32 code; /* as in wait(2): exit status << 8 | core flag | signal */
	__u32 reserved;
};

struct rec_cgroup {
	struct rec rec;
	__u64 id;
	__u32 path_len, reserved;
	char data[];
};

enum line_shell {
	LINE_BASH = 1,
	LINE_ZSH = 2
};
enum line_part {
	LINE_F_CONTINUED = 1,  /* a further line of the command under `id` */
	LINE_F_EXPANDED = 2,   /* the line just typed, after history expansion */
	LINE_F_INPROGRESS = 4, /* read before we were attached: caught on its way to the parser */
	LINE_F_WHOLE = 8,      /* the whole command under `id`, after history expansion */
	LINE_F_SCRIPT =
		16,      /* not typed: given by an argument, or in a file; it has no end, if not */
	LINE_F_ENDS = 32 /* with SCRIPT: further lines, and an end, follow under `id` */
};

/* data: cwd (first record of a command only), then text. */
struct rec_line {
	struct rec rec;
	struct rec_task task;
	__u64 id;         /* of the command in this process: the time its first line was read */
	__u32 shell;      /* enum line_shell; 0: called as the probe is */
	__u32 line_flags; /* enum line_part */
	char tty[16];     /* "pts/3", empty = none */
	__u16 cwd_len, reserved;
	__u32 text_len; /* in this record */
	__u32 reserved2[2];
	char data[];
};

struct rec_line_end {
	struct rec rec;
	struct rec_task task;
	__u64 id;
	__s32 status; /* of the command as in $? */
	__u32 reserved;
};

enum rec_role {
	REC_ROLE_UNKNOWN = 0,
	REC_ROLE_CLIENT = 1,
	REC_ROLE_SERVER = 2
};

/* A socket, seen from its owner. family 0 = the flow is not known. */
struct rec_flow {
	__u64 cookie;
	__u32 netns;    /* inode number of the network namespace */
	__u16 family;   /* AF_INET or AF_INET6 (an IPv4-mapped address is given as AF_INET) */
	__u16 protocol; /* IPPROTO_TCP */
	__u16 local_port, remote_port; /* host order */
	__u8 role;                     /* enum rec_role */
	__u8 reserved[3];
	__u8 local[16], remote[16]; /* network order, IPv4 in the first four bytes */
};

/* ---- statements of databases -------------------------------------------------------------- */

enum query_system {
	QUERY_MYSQL = 1, /* and MariaDB */
	QUERY_POSTGRES = 2
};
enum query_side {
	QUERY_SERVER = 1,
	QUERY_CLIENT = 2
};
/* What is asked of the server, whatever its protocol calls that. */
enum query_command {
	QUERY_TEXT = 1,        /* COM_QUERY, simple query: one statement or several */
	QUERY_PREPARE = 2,     /* COM_STMT_PREPARE, Parse of a named statement */
	QUERY_BIND = 3,        /* Bind, where it fails: one that succeeds is told by its Execute */
	QUERY_EXECUTE = 4,     /* COM_STMT_EXECUTE, Execute */
	QUERY_STATEMENT = 5,   /* one that a stored procedure, trigger or EXECUTE runs (`outer`) */
	QUERY_DATABASE = 6,    /* COM_INIT_DB: the text is the name */
	QUERY_CHANGE_USER = 7, /* COM_CHANGE_USER: `user` and `database` are the new ones */
	QUERY_CALL = 8,        /* function call message: the text names the function */
	QUERY_COMMAND_MAX
};
enum query_params_format {
	QUERY_PARAMS_NONE = 0,
	QUERY_PARAMS_LIST = 1,  /* of each value: __u32 length in host order (~0 = NULL), bytes */
	QUERY_PARAMS_MYSQL = 2, /* body of COM_STMT_EXECUTE, from the NULL bitmap on */
	QUERY_PARAMS_POSTGRES = 3,   /* body of Bind, from its first byte (name of the portal) on */
	QUERY_PARAMS_MYSQL_NAMED = 4 /* as MYSQL, where each value may have a name: their number is
				      * in front, and behind each type is a name */
};
enum query_flags {
	QUERY_F_PARAMS_CUT = 1, /* there are more bytes of values than are here */
	QUERY_F_LATE = 2        /* it had begun before we were attached */
};
enum {
	QUERY_PARAMS_MAX = 16 * 1024,
	QUERY_TYPES_MAX = 64
};

/* Who asks. NUL-terminated, zeroes behind it; cut where they are longer. */
struct rec_session {
	__u64 conn;   /* of the connection, unique in the run: the time it was first seen, made odd
		       * by the CPU; the id of its flow */
	__u64 number; /* by which the server knows it: connection id, pid of the backend; 0 = not
		       * known */
	char user[96], database[128];
	char client[64]; /* address or host as the server names it; "" = not known */
	char application[64];
	struct rec_flow flow; /* seen from the process that recorded it */
};

/* data: values (params_len bytes), then text (text_len). More text follows as parts, whose offsets
 * count from the beginning of the text. */
struct rec_query {
	struct rec rec;
	struct rec_task task;
	__u64 id;         /* of the statement, unique in its process */
	__u64 outer;      /* of the one that runs it, 0 = the client asked for it */
	__u64 text_total; /* its length in the process: more than is recorded when cut */
	__u32 statement;  /* number of the prepared statement (MySQL), 0 = none */
	__u8 system, side, command, query_flags; /* the enums above */
	__u32 text_len, params_len;              /* in this record */
	__u32 params_format; /* of the values; POSTGRES: of its BIND, see there */
	__u32 reserved;
	char name[64]; /* of the portal (EXECUTE) or the prepared statement, as much as fits */
	struct rec_session session;
	char data[];
};

enum query_end_flags {
	QUERY_END_ROWS = 1, /* `rows` is known */
	QUERY_END_SENT = 2, /* `rows_sent` is known */
	QUERY_END_ERROR = 4
};

/* data: message of the error, message_len bytes. */
struct rec_query_end {
	struct rec rec;
	struct rec_task task;
	__u64 id;
	__u64 rows; /* affected, or processed as the command tag says it; of several: the sum */
	__u64 rows_sent; /* to the client */
	__u32 error;     /* number (MySQL), else 0 */
	__u32 end_flags; /* enum query_end_flags */
	__u32 results;   /* statements that were completed in it */
	__u32 warnings;
	char sqlstate[8]; /* five characters; "" = none */
	__u32 message_len, reserved;
	char data[];
};

/*
 * Values that belong to later statements of the connection: those of PostgreSQL's Bind. The next
 * EXECUTE of that connection whose `name` is the portal's, and all until the next BIND of it, have
 * them. data: OIDs of the values in binary form, in their order (types_n of __u32; 0 = not known),
 * then n bytes of the message. An n of less than total is cut.
 */
struct rec_query_bind {
	struct rec rec;
	struct rec_task task;
	__u64 conn;
	__u32 n, total;
	__u32 types_n, reserved;
	char name[64]; /* of the portal, as in struct rec_query */
	char data[];
};

enum data_direction {
	DATA_TRANSMIT = 1,
	DATA_RECEIVE = 2
};
enum data_library {
	DATA_OPENSSL = 1,
	DATA_GNUTLS = 2,
	DATA_NSS = 3,
	DATA_GO = 4
};
enum data_flags {
	DATA_F_FIN = 1,    /* the connection was closed by its owner: no bytes */
	DATA_F_LATE = 2,   /* it was open before we were attached: offsets count from there */
	DATA_F_UNSEEN = 4, /* SSL_sendfile: bytes that never were in user memory, only counted */
};

/*
 * Bytes that one call of a TLS library moved, or a part of them: a record of its own each, at most
 * REC_PART bytes. data: n bytes. A part that was lost, or cut by max_payload, is missing in
 * stream_offset: the kernel side advances it by call_total whatever happens.
 */
struct rec_data {
	struct rec rec;
	struct rec_task task;
	__u64 reserved;
	__u64 conn; /* of this connection, unique in the run: the time it was first seen, made odd
		     * by the CPU; an object that is used again gets another one */
	__u64 stream_offset; /* of data[0] in this direction of the connection */
	__u32 call_offset;   /* of data[0] in the call */
	__u32 call_total;    /* bytes that the call moved */
	__u32 n;
	__u8 direction; /* enum data_direction */
	__u8 data_flags;
	__u16 library; /* enum data_library */
	__u64 reserved2;
	struct rec_flow flow;
	char data[];
};

#define REC_SIZE(type, size) _Static_assert(sizeof(struct type) == (size), #type)
/* The variable part begins where the struct ends: no hidden padding. */
#define REC_DATA_AT_END(type)                                                                      \
	_Static_assert(__builtin_offsetof(struct type, data) == sizeof(struct type), #type)
REC_SIZE(rec, 16);
REC_SIZE(rec_task, 64);
REC_SIZE(rec_run, 16 + 8 + 32 + 32 + 8 + 16);
REC_SIZE(rec_clock, 32);
REC_SIZE(rec_proc, 16 + 64 + 16);
REC_SIZE(rec_counters, 48);
REC_SIZE(rec_attach, 16 + 16 + 16);
REC_SIZE(rec_loss, 16 + 24 + 8);
REC_SIZE(rec_part, 40);
REC_SIZE(rec_fork, 80);
REC_SIZE(rec_exec, 80 + 24);
REC_SIZE(rec_exit, 88);
REC_SIZE(rec_cgroup, 32);
REC_SIZE(rec_line, 80 + 48);
REC_SIZE(rec_line_end, 96);
REC_SIZE(rec_flow, 56);
REC_SIZE(rec_data, 80 + 48 + 56);
REC_SIZE(rec_session, 16 + 352 + 56);
REC_SIZE(rec_query, 80 + 48 + 64 + 424);
REC_SIZE(rec_query_end, 80 + 24 + 16 + 16);
REC_SIZE(rec_query_bind, 80 + 24 + 64);
REC_DATA_AT_END(rec_run);
REC_DATA_AT_END(rec_proc);
REC_DATA_AT_END(rec_attach);
REC_DATA_AT_END(rec_loss);
REC_DATA_AT_END(rec_part);
REC_DATA_AT_END(rec_exec);
REC_DATA_AT_END(rec_cgroup);
REC_DATA_AT_END(rec_line);
REC_DATA_AT_END(rec_data);
REC_DATA_AT_END(rec_query);
REC_DATA_AT_END(rec_query_end);
REC_DATA_AT_END(rec_query_bind);
#undef REC_SIZE
#undef REC_DATA_AT_END

/* ---- shared state that is no record ------------------------------------------------------- */

/* What the filters look at. Include and exclude of one dimension; dimensions are joined by "and",
 * the values of one dimension by "or"; an exclusion wins. --pid and --tree are one dimension (which
 * process), --cgroup and --container another. */
enum filter_dim {
	FILTER_PROCESS,
	FILTER_UID,
	FILTER_COMM,
	FILTER_CGROUP,
	FILTER_DIMS
};
enum filter_bit {
	FILTER_INCLUDE = 1,
	FILTER_EXCLUDE = 2
};
enum {
	FILTER_CONTAINER_MAX = 8,
	FILTER_CONTAINER_ID = 64
};

enum reader_state {
	READER_AWAKE = 0,  /* it looks again when it has done what it has */
	READER_NAPS = 1,   /* it looks again soon: to be woken when the ring fills before that */
	READER_SLEEPS = 2, /* the next record must wake it */
};

/* One per run, in a map that user space maps into memory (map `ctl`). */
struct ctl {
	__u32 reader;              /* enum reader_state; who wakes it makes it READER_AWAKE */
	__u32 filter[FILTER_DIMS]; /* enum filter_bit: which lists of the dimension have entries */
	__u32 containers;          /* wanted container ids in use */
	__u32 stopped;             /* nothing is recorded any more: hooks go one by one, and a
				    * stream must not end in one direction before the other */
	__u32 reserved;
	struct {
		__u32 bits, len; /* enum filter_bit; length of the id or its beginning */
		char id[FILTER_CONTAINER_ID];
	} container[FILTER_CONTAINER_MAX];
};
