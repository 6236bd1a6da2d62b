/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What the pipeline hands to encoders: a view, never an owner. Every pointer in it (texts, process,
 * run) is valid until the encoder's encode() returns, and not longer; but the names of probes,
 * shells and libraries stay as long as the output.
 *
 * A new kind is handled in: this enum, events.def, proto/pb_map.c, and each encoder's switch (the
 * compiler names them: the switches have no default).
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/bytes.h"

enum event_kind {
#define EVENT_KIND(sym, name, help) EVENT_##sym,
#include "capture/events.def"
#undef EVENT_KIND
	EVENT_KINDS
};

/* Lower-case name ("exec"); NULL outside the enum. */
const char *event_kind_name(enum event_kind kind);

enum event_flags {
#define EVENT_FLAG(sym, bit, name) EVENT_F_##sym = 1u << (bit),
#include "capture/events.def"
#undef EVENT_FLAG
};

struct proc {
	uint32_t pid, ppid;
	uint32_t uid, gid;
	uint32_t loginuid;      /* UINT32_MAX = unset */
	uint32_t ns_pid;        /* in its own pid namespace */
	uint64_t start_boot_ns; /* with pid: identity on this boot */
	uint64_t start_unix_ns;
	uint64_t cgroup_id;
	struct bytes comm; /* at most 15 bytes, not necessarily UTF-8 */
	struct bytes exe;  /* absolute path; may be none (kernel threads, unknown processes) */
	struct bytes
		cmdline;  /* arguments with a NUL after each; cut at 2 KiB (EXEC has them whole) */
	struct bytes cwd; /* where it was when the process (or its image) started */
	struct bytes cgroup;       /* path in the unified hierarchy */
	struct bytes container;    /* id, 64 hex digits as a rule; none outside containers */
	struct bytes pod;          /* Kubernetes pod uid; none otherwise */
	const struct proc *parent; /* NULL = not known. At most PROC_ANCESTORS of them are there to
				    * be read: nothing is said of what lies behind */
	uint32_t *seen; /* for output.c: per output, the generation that knows this image; may be
			   NULL */
};

enum {
	PROC_ANCESTORS = 8
};

enum direction {
	DIRECTION_NONE,
	DIRECTION_TRANSMIT,
	DIRECTION_RECEIVE
};

struct event_exec {
	struct bytes path;   /* of the executed file, absolute */
	struct bytes argv;   /* whole: arguments with a NUL after each */
	uint64_t argv_total; /* its size in the process; larger than argv.n when cut */
	struct bytes cwd;
};

struct event_exit {
	uint32_t code;        /* exit status, 0 when killed by a signal */
	uint32_t signal;      /* 0 = exited */
	bool core;            /* dumped core */
	uint64_t lifetime_ns; /* since the process started */
};

struct event_line {
	const char *shell; /* "bash", "zsh" */
	uint64_t id; /* of the command in its process; the same in the unfinished and the final
			event */
	struct bytes text;     /* as typed, lines joined with \n */
	struct bytes expanded; /* after history expansion; none when there was nothing to expand */
	struct bytes tty, cwd;
	uint64_t start_boot_ns; /* when it was typed to its end */
	uint64_t duration_ns;   /* 0 while unfinished */
	int32_t status;         /* as in $?; meaningful when has_status */
	bool has_status;
	bool script; /* not typed: given by an argument (`bash -c`), or in a file that is read */
};

enum flow_role {
	FLOW_ROLE_UNKNOWN,
	FLOW_ROLE_CLIENT,
	FLOW_ROLE_SERVER
};

/* What a connection talks, as far as its first bytes told (capture/guess.h). */
enum protocol {
#define PROTOCOL(sym, name, port) PROTOCOL_##sym,
#include "capture/protocols.def"
#undef PROTOCOL
	PROTOCOLS
};

/* Name ("http1"); "unknown" outside the enum. */
const char *event_protocol_name(enum protocol protocol);
/* The port by which Wireshark knows it (9 = discard, for unknown). */
uint16_t event_protocol_port(enum protocol protocol);

/* A connection of the process, seen from its end. */
struct flow {
	uint64_t id;      /* unique in the run; the same in every event and format */
	uint64_t cookie;  /* of the socket; 0 = not known */
	uint32_t netns;   /* inode number */
	uint8_t family;   /* AF_INET, AF_INET6; 0 = the addresses are not known */
	uint8_t ip_proto; /* IPPROTO_TCP */
	enum flow_role role;
	uint16_t local_port, remote_port;
	uint8_t local[16], remote[16]; /* network order, IPv4 in the first four bytes */
	enum protocol protocol; /* a guess that may still become better while it is UNKNOWN */
	uint32_t *seen;         /* as in struct proc: for output.c; may be NULL */
};

struct event_data {
	struct bytes payload;   /* as recorded; none when fin, or when nothing of it could be */
	uint64_t stream_offset; /* of payload in this direction of the flow; starts at 0 */
	uint64_t call_offset;   /* of payload in the call that moved it */
	uint64_t call_total;    /* bytes that call moved: more than was recorded when flagged
				 * truncated */
	enum direction direction;
	const char *library; /* "openssl" */
	bool fin;            /* the owner closed the connection */
	bool late;           /* it was open before we were attached */
	/*
	 * Where the stream stands. capture/flows.c counts that and nobody else does: encoders use
	 * what is said here. Before this event, its direction stood at offset `begin`: events had
	 * every byte before that, or said that it was missing. This one adds `missing` bytes, then
	 * its payload but for the first `repeated` bytes of it, then `unseen` bytes.
	 */
	uint64_t begin;
	uint64_t missing;  /* were lost, or cut off the event before */
	uint64_t repeated; /* were in earlier events: a damaged recording may say so */
	uint64_t unseen;   /* went from a file to the peer without any program having them
			    * (SSL_sendfile): nothing but their number is known */
	uint64_t end;      /* the stream has come this far: what was cut off this event counts */
	uint64_t peer_end; /* and its other direction this far */
};

/* What of the payload no earlier event had: it stands at begin + missing. */
static inline struct bytes event_data_fresh(const struct event_data *data)
{
	return (struct bytes){data->repeated ? data->payload.p + data->repeated : data->payload.p,
			      data->payload.n - data->repeated};
}

/* Values of a statement, as its record has them: capture/query_params.h reads them. */
struct query_params {
	struct bytes raw;
	struct bytes types; /* POSTGRES: __u32 OIDs of the binary ones; MYSQL: its types, when raw
			     * has none */
	uint8_t format;     /* enum query_params_format (kern/events.h); 0 = there are none */
	bool cut;           /* there were more bytes */
};

struct event_query {
	const char *system;  /* "mysql", "postgresql": db.system.name of OpenTelemetry */
	const char *side;    /* "server", "client" */
	const char *command; /* "query", "prepare", "bind", "execute", "statement", "database",
			      * "change_user", "call": enum query_command */
	uint64_t id;         /* of the statement; the same in the unfinished and the final event */
	uint64_t outer;      /* id of the one that ran it; 0 = the client asked for it */
	uint64_t session;    /* connection id, pid of the backend; 0 = not known */
	uint32_t statement_id;       /* of the prepared statement (MySQL); 0 = none */
	struct bytes statement_name; /* of the prepared one (PostgreSQL); of its portal, where that
				      * alone is known */
	struct bytes text;
	uint64_t text_total;      /* its size in the process: more than text.n when cut */
	struct bytes fingerprint; /* the text with its literals replaced: capture/sql_text.h */
	struct bytes user, database, client, application;
	struct query_params params;
	uint64_t start_boot_ns;
	uint64_t duration_ns; /* 0 while unfinished */
	uint64_t rows, rows_sent;
	bool has_rows, has_rows_sent;
	bool failed;      /* error, sqlstate and message say why */
	uint32_t error;   /* number (MySQL) */
	uint32_t results; /* statements that were completed in it */
	uint32_t warnings;
	struct bytes sqlstate, message;
};

struct event_loss {
	const char *probe;  /* "core", "bash", … or the name of the stage: "output" */
	const char *reason; /* from kern/counters.def or capture/stats.def */
	uint64_t count;     /* records (kernel) or events (output) */
	uint64_t first_boot_ns, last_boot_ns; /* the span in which they were lost */
	uint64_t first_seq,
		last_seq; /* of lost events; 0 when records were lost (they have none) */
};

/* Counters by name, for STATS: a borrowed array. */
struct event_counter {
	const char *group; /* "kernel.bash", "reader", "output" */
	const char *name;
	uint64_t value;
};

struct event_stats {
	const struct event_counter *v;
	unsigned n;
	bool final; /* the last one of the run */
};

/* The run description: META, and the preamble of every generation. */
struct run {
	uint8_t boot_id[16], host_id[16];
	uint64_t run_id;
	uint32_t pid;
	uint64_t start_boot_ns, start_unix_ns;
	struct bytes host, os, kernel, arch, version, cmdline;
	const char *probes;    /* "bash,exec" */
	uint8_t stream_id[16]; /* of the recording that tells it; zero = it is none */
};

struct event_attach {
	struct bytes hook, target, note;
	uint64_t offset;
	uint32_t pid;
	int32_t status; /* 0 or negative errno */
};

struct event {
	enum event_kind kind;
	uint32_t flags;    /* enum event_flags */
	const char *probe; /* name; "core" for EXEC and EXIT */
	uint64_t time_boot_ns, time_unix_ns;
	uint64_t seq; /* dense per output over everything offered and not skipped */
	uint32_t tid;
	uint32_t cpu;
	const struct flow *flow; /* NULL = the event belongs to no connection */
	const struct proc *proc; /* NULL = the event concerns no process */
	bool proc_first; /* first event of that process (image) in this generation of this output */
	union {
		struct event_exec exec;
		struct event_exit exit;
		struct event_line line;
		struct event_data data;
		struct event_query query;
		struct event_loss loss;
		struct event_stats stats;
		const struct run *run; /* META */
		struct event_attach attach;
	};
};

/* A time on the boot clock as the time of day, by the clock that the event's own time was told by.
 */
static inline uint64_t event_unix(const struct event *ev, uint64_t boot_ns)
{
	return boot_ns + (ev->time_unix_ns - ev->time_boot_ns);
}

/* The reverse: for who reads a recording, which has the time of day. */
static inline uint64_t event_boot(const struct event *ev, uint64_t unix_ns)
{
	return unix_ns - (ev->time_unix_ns - ev->time_boot_ns);
}

/* Is it of interest? */
typedef bool (*event_keep_fn)(const struct event *ev, void *arg);

/* For an event that no chunk can hold: halves its longest text and flags it as truncated. False
 * when no text is left that is worth it. */
bool event_shorten(struct event *ev);
