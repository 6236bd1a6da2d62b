/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcapng: section header, interface, then a journal row for every event that a person looks for,
 * packets for the plaintext of TLS, and one custom block at the end of a chunk with what is context
 * (processes, losses, attach reports) or, with events=custom, with everything. Wireshark shows each
 * custom block as a row without time, hence one per chunk; it is never the first record of a file,
 * which would spoil the times of Wireshark 4.0.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "capture/encoder.h"
#include "encoders/pcapng/block.h"
#include "encoders/pcapng/hold.h"
#include "encoders/pcapng/journal.h"
#include "encoders/pcapng/sql.h"
#include "encoders/pcapng/tcp.h"
#include "encoders/write/put.h"
#include "proto/pb_map.h"

enum pcapng_events {
	EVENTS_ROWS,
	EVENTS_CUSTOM
};

enum pcapng_statement_ends {
	ENDS_BOTH,
	ENDS_ONE
};

struct pcapng_cfg {
	int events; /* enum pcapng_events */
	int ends;   /* enum pcapng_statement_ends */
	bool streams;
};

struct pcapng {
	const struct pcapng_cfg *cfg;
	struct pb_map *pb;
	struct pcapng_journal journal;
	struct pcapng_tcp *tcp;
	struct pcapng_sql *sql;
	struct pcapng_hold hold;
	/* Messages of the open chunk, for its custom block. */
	uint8_t *pending;
	size_t pending_n;
	size_t promised; /* room for what an event still has to add */
	/* Of this generation. */
	uint64_t rows;
	struct pcapng_statistics stats, tls, conversations;
	uint32_t interfaces;
};

/* The interface of the first block; others are described, and numbered, when they are used. */
enum {
	INTERFACE_EVENTS
};

/* How far the times in a file may go back. */
#define HELD_BACK_NS 20000000ull

/* Kinds that are context: no row of their own, unless nothing precedes them in the file. */
static bool is_context(enum event_kind kind)
{
	return kind == EVENT_ATTACH;
}

/* Kinds that are told in full whatever `events` says: a reader of the messages needs them. */
static bool is_told(enum event_kind kind)
{
	return kind == EVENT_ATTACH || kind == EVENT_LOSS || kind == EVENT_META;
}

static void pcapng_close(void *ctx)
{
	struct pcapng *x = ctx;

	pb_map_free(x->pb);
	pcapng_tcp_free(x->tcp);
	pcapng_sql_free(x->sql);
	if (x->pending)
		munmap(x->pending, CHUNK_JUMBO);
}

static int pcapng_open(void *ctx, const void *cfg, const struct encoder_env *env, struct err *err)
{
	struct pcapng *x = ctx;
	void *pending = mmap(NULL, CHUNK_JUMBO, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int r;

	if (pending == MAP_FAILED)
		return errf(err, -ENOMEM, "pcapng: no memory for a custom block");
	x->pending = pending;
	x->cfg = cfg;
	r = pb_map_new(&x->pb, err);
	x->tcp = pcapng_tcp_new();
	if (x->cfg->streams)
		x->sql = pcapng_sql_new();
	if (!r && (!x->tcp || (x->cfg->streams && !x->sql)))
		r = errf(err, -ENOMEM, "pcapng: no memory for conversations");
	return r;
}

/* What is told of an interface whose packets never were on a wire. */
#define MADE_UP                                                                                    \
	"TCP and MAC addresses are made up, server ports are mapped (the comment of each SYN "     \
	"tells the real one)"

static uint8_t *put_interface(const struct pcapng *x, const struct pcapng_statistics *s, uint8_t *p)
{
	if (s == &x->tls)
		return pcapng_block_interface(p, BYTES("tls-plain"),
					      BYTES("plaintext of TLS: " MADE_UP));
	return pcapng_block_interface(p, BYTES("sql"), BYTES("statements of databases: " MADE_UP));
}

static int pcapng_preamble(void *ctx, const struct run *run, struct out *out)
{
	struct pcapng *x = ctx;
	struct chunk *c = out->tail;
	uint8_t *p = c->p + c->len;

	_Static_assert(PCAPNG_SECTION_ROOM + 2 * PCAPNG_INTERFACE_ROOM < CHUNK_SIZE,
		       "the preamble fits an empty chunk");
	x->pending_n = 0;
	x->rows = 0;
	x->stats = (struct pcapng_statistics){.interface = INTERFACE_EVENTS};
	x->tls = x->conversations = (struct pcapng_statistics){.interface = 0};
	x->interfaces = 1;
	pcapng_tcp_generation(x->tcp);
	if (x->sql)
		pcapng_sql_generation(x->sql);
	pcapng_journal_init(&x->journal, run);
	p = pcapng_block_section(p, run);
	p = pcapng_block_interface(p, BYTES("penstock"), BYTES("events of penstock, no packets"));
	if (x->sql) { /* reordercap wants it in front, and is wanted: see pcapng/sql.h */
		x->conversations.interface = x->interfaces++;
		p = put_interface(x, &x->conversations, p);
	}
	c->len = p - c->p;
	return 0;
}

static size_t held_room(const struct pcapng *x)
{
	size_t n = x->hold.n ? PCAPNG_INTERFACE_ROOM : 0;

	for (unsigned i = 0; i < x->hold.n; i++)
		n += pcapng_tcp_room(&x->hold.v[i].ev);
	return n;
}

/* What the event, seal() and epilogue() may still have to write into this chunk. */
static size_t pcapng_reserve(const struct pcapng *x)
{
	return 3 * PCAPNG_STATISTICS_ROOM + held_room(x) + x->promised +
	       (x->pending_n ? PCAPNG_CUSTOM_ROOM + x->pending_n : 0);
}

static int add_row(struct pcapng *x, const struct event *ev, struct chunk *c, bool *ret_cut)
{
	bool cut;
	uint8_t *p = c->p + c->len;

	if (pcapng_journal_room(&x->journal, ev, &cut) + pcapng_reserve(x) > chunk_room(c))
		return -ENOBUFS;
	c->len = pcapng_journal_row(&x->journal, ev, cut, p) - c->p;
	*ret_cut = cut;
	return 0;
}

typedef int (*map_fn)(struct pb_map *m, const struct event *ev, uint8_t *dst, size_t room,
		      size_t *ret_n);

static int add_message(struct pcapng *x, map_fn map, const struct event *ev, const struct chunk *c)
{
	size_t used = pcapng_reserve(x) + (x->pending_n ? 0 : PCAPNG_CUSTOM_ROOM);
	size_t n;
	int r;

	if (used > chunk_room(c))
		return -ENOBUFS;
	r = map(x->pb, ev, x->pending + x->pending_n, chunk_room(c) - used, &n);
	if (!r)
		x->pending_n += n;
	return r;
}

static int add_messages(struct pcapng *x, const struct event *ev, const struct chunk *c, bool full)
{
	int r = 0;

	if (ev->proc_first && ev->proc)
		r = add_message(x, pb_map_process, ev, c);
	if (!r && (full || is_told(ev->kind) || x->cfg->events == EVENTS_CUSTOM))
		r = add_message(x, pb_map_event, ev, c);
	return r;
}

/* full: an event that its row does not tell in full is told in the custom block. */
static int pcapng_add(struct pcapng *x, const struct event *ev, struct chunk *c, bool full)
{
	bool cut = false, row = !is_context(ev->kind) || x->rows == 0;
	int r = 0;

	if (row || x->cfg->events == EVENTS_CUSTOM)
		r = add_row(x, ev, c, &cut);
	return r ? r : add_messages(x, ev, c, cut && full);
}

static void statistics_stamp(struct pcapng_statistics *stats, const struct event *ev)
{
	if (!stats->first_ns)
		stats->first_ns = ev->time_unix_ns;
	stats->last_ns = ev->time_unix_ns;
}

/* s: of the interface to which they belong. */
static void put_packets(struct pcapng *x, struct pcapng_statistics *s, const struct event *ev,
			struct chunk *c)
{
	enum pcapng_content content = s == &x->tls ? PCAPNG_PLAINTEXT : PCAPNG_STATEMENTS;
	struct pcapng_tcp_flow *flow = pcapng_tcp_find(x->tcp, ev, content);
	uint32_t interface = s->interface ? s->interface : x->interfaces;
	uint64_t before = pcapng_tcp_packets(x->tcp);
	uint8_t *p = c->p + c->len;

	assert(chunk_room(c) >= pcapng_tcp_room(ev) + (s->interface ? 0 : PCAPNG_INTERFACE_ROOM));
	if (!flow) /* told from its other end */
		return;
	if (!s->interface)
		p = put_interface(x, s, p);
	p = pcapng_tcp_write(x->tcp, flow, ev, interface, p);
	if (pcapng_tcp_packets(x->tcp) == before)
		return;
	c->len = p - c->p;
	if (!s->interface)
		x->interfaces++;
	s->interface = interface;
	s->delivered = s->received += pcapng_tcp_packets(x->tcp) - before;
	statistics_stamp(s, ev);
}

static void held_release(struct pcapng *x, struct pcapng_held *held, struct chunk *c)
{
	put_packets(x, &x->tls, pcapng_hold_event(held), c);
	pcapng_hold_drop(&x->hold, held);
}

/* Writes the held packets that are older than HELD_BACK_NS: so the times in a file never go back by
 * more than that. */
static void held_release_older(struct pcapng *x, uint64_t now_ns, struct chunk *c)
{
	while (x->hold.n && x->hold.v[0].ev.time_boot_ns + HELD_BACK_NS < now_ns)
		held_release(x, &x->hold.v[0], c);
}

/* Last of what an event adds: a packet that was written cannot be taken back. */
static int add_packets(struct pcapng *x, struct pcapng_tcp_flow *flow, const struct event *ev,
		       struct chunk *c)
{
	struct pcapng_held *held;
	size_t len;

	if (pcapng_tcp_room(ev) + PCAPNG_INTERFACE_ROOM + pcapng_reserve(x) > chunk_room(c))
		return -ENOBUFS;
	if (!pcapng_tcp_begun(flow) && pcapng_hold_take(&x->hold, ev))
		return 0;
	held = pcapng_hold_find(&x->hold, ev->flow->id);
	if (held)
		held_release(x, held, c);
	len = c->len;
	put_packets(x, &x->tls, ev, c);
	return held || c->len > len ? 0 : -EOPNOTSUPP;
}

/* What is held of a conversation is written with what is known of it by then. */
static void held_learn(struct pcapng *x, const struct flow *flow)
{
	struct pcapng_held *held = pcapng_hold_find(&x->hold, flow->id);

	if (held)
		held->flow = *flow;
}

/* Whatever becomes of the packets, with events=custom the event is told. */
static int add_data(struct pcapng *x, const struct event *ev, struct chunk *c)
{
	bool custom = x->cfg->events == EVENTS_CUSTOM;
	struct pcapng_tcp_flow *flow = pcapng_tcp_find(x->tcp, ev, PCAPNG_PLAINTEXT);
	int r = flow || custom ? add_messages(x, ev, c, false) : -EALREADY;

	if (!r && flow)
		r = add_packets(x, flow, ev, c);
	return custom && r == -EOPNOTSUPP ? 0 : r;
}

/* A statement as a conversation. NULL: it is none, or is told from its other end. */
static const struct pcapng_sql_turn *find_turn(struct pcapng *x, const struct event *ev)
{
	const struct pcapng_sql_turn *turn = x->sql ? pcapng_sql_turn(x->sql, ev) : NULL;

	if (turn && !pcapng_tcp_find(x->tcp, &turn->v[0], PCAPNG_STATEMENTS))
		return NULL;
	return turn;
}

static size_t turn_room(const struct pcapng_sql_turn *turn)
{
	size_t room = 0;

	for (unsigned i = 0; i < turn->n; i++)
		room += pcapng_tcp_room(&turn->v[i]);
	return room;
}

/* Its row has the time at which a statement ended: its packets, which began before, stand in front.
 * They cannot be taken back, so that there has to be room for all of it. full: as above. */
static int add_turn(struct pcapng *x, const struct pcapng_sql_turn *turn, const struct event *ev,
		    struct chunk *c, bool full)
{
	bool cut;
	int r;

	x->promised = turn_room(turn) + pcapng_journal_room(&x->journal, ev, &cut);
	r = add_messages(x, ev, c, cut && full);
	if (!r && pcapng_reserve(x) > chunk_room(c))
		r = -ENOBUFS;
	x->promised = 0;
	if (r)
		return r;
	for (unsigned i = 0; i < turn->n; i++)
		put_packets(x, &x->conversations, &turn->v[i], c);
	pcapng_sql_commit(x->sql);
	return add_row(x, ev, c, &cut);
}

/* Is it a statement that the other end of its connection tells, of which one end is wanted? What is
 * run inside of others is never told by a client. */
static bool is_repeated(struct pcapng *x, const struct event *ev)
{
	struct event statement;
	struct flow flow;

	if (x->cfg->ends == ENDS_BOTH || ev->query.outer || !ev->flow)
		return false;
	flow = pcapng_sql_flow(ev);
	statement = *ev;
	statement.flow = &flow;
	return !pcapng_tcp_find(x->tcp, &statement, PCAPNG_STATEMENTS);
}

/* Where no chunk can hold a long text twice, it is the packets that tell it in full. */
static int add_statement(struct pcapng *x, const struct event *ev, struct chunk *c)
{
	const struct pcapng_sql_turn *turn;
	bool last = c->cap >= CHUNK_JUMBO && !c->len;
	size_t pending_n = x->pending_n;
	int r;

	if (is_repeated(x, ev))
		return x->cfg->events == EVENTS_CUSTOM ? add_messages(x, ev, c, true) : -EALREADY;
	turn = find_turn(x, ev);
	if (!turn)
		return pcapng_add(x, ev, c, true);
	r = add_turn(x, turn, ev, c, true);
	if (r != -ENOBUFS || x->cfg->events == EVENTS_CUSTOM || !last)
		return r;
	x->pending_n = pending_n;
	return add_turn(x, turn, ev, c, false);
}

/* Adds an event as one of its kind is told. */
static int add_event(struct pcapng *x, const struct event *ev, struct chunk *c)
{
	switch (ev->kind) {
	case EVENT_DATA:
		return add_data(x, ev, c);
	case EVENT_QUERY:
		return add_statement(x, ev, c);
	default:
		return pcapng_add(x, ev, c, true);
	}
}

static void pcapng_count(struct pcapng *x, const struct event *ev)
{
	statistics_stamp(&x->stats, ev);
	x->stats.delivered++;
	x->stats.received++;
	if (ev->kind == EVENT_LOSS) {
		x->stats.dropped += ev->loss.count;
		x->stats.received += ev->loss.count;
	}
}

static int pcapng_encode(void *ctx, const struct event *ev, struct out *out)
{
	struct pcapng *x = ctx;
	struct chunk *c = out->tail;
	size_t len, pending_n = x->pending_n;
	int r;

	if (ev->kind == EVENT_DATA)
		held_learn(x, ev->flow);
	held_release_older(x, ev->time_boot_ns, c);
	len = c->len;
	r = add_event(x, ev, c);
	if (r) {
		c->len = len;
		x->pending_n = pending_n;
		return r == -ENOBUFS ? put_no_room(ev, c) : r;
	}
	x->rows++;
	if (ev->kind != EVENT_DATA)
		pcapng_count(x, ev);
	return 0;
}

static void pcapng_seal(void *ctx, struct out *out)
{
	struct pcapng *x = ctx;
	struct chunk *c = out->tail;

	while (x->hold.n)
		held_release(x, &x->hold.v[0], c);
	if (!x->pending_n)
		return;
	assert(chunk_room(c) >= PCAPNG_CUSTOM_ROOM + x->pending_n); /* pcapng_reserve() kept it */
	c->len = pcapng_block_custom(c->p + c->len, x->pending, x->pending_n) - c->p;
	x->pending_n = 0;
}

static int pcapng_epilogue(void *ctx, struct out *out)
{
	struct pcapng *x = ctx;
	struct chunk *c = out->tail;
	uint8_t *p;

	pcapng_seal(ctx, out);
	assert(chunk_room(c) >= 3 * PCAPNG_STATISTICS_ROOM);
	p = pcapng_block_statistics(c->p + c->len, &x->stats);
	if (x->tls.received)
		p = pcapng_block_statistics(p, &x->tls);
	if (x->conversations.received)
		p = pcapng_block_statistics(p, &x->conversations);
	c->len = p - c->p;
	return 0;
}

static const char *const events_choices[] = {"rows", "custom", NULL};

static const char *const ends_choices[] = {"both", "one", NULL};

static const struct opt pcapng_options[] = {
	{.name = "events",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct pcapng_cfg, events),
	 .arg = "HOW",
	 .def = "rows",
	 .choices = events_choices,
	 .help = "rows: what Wireshark shows; custom: every event also in full, for replay"},
	{.name = "ends",
	 .type = OPT_CHOICE,
	 .offset = offsetof(struct pcapng_cfg, ends),
	 .arg = "WHICH",
	 .def = "both",
	 .choices = ends_choices,
	 .help = "statements that client and server tell: rows of both, or of the end seen first"},
	{.name = "streams",
	 .type = OPT_FLAG,
	 .offset = offsetof(struct pcapng_cfg, streams),
	 .help = "statements of databases also as packets, which Wireshark dissects"},
	OPT_END};

const struct encoder_ops encoder_pcapng = {
	.name = "pcapng",
	.extension = "pcapng",
	.content_type = "application/x-pcapng",
	.summary = "for Wireshark",
	.flags = ENCODER_BINARY | ENCODER_SECRETS | ENCODER_CONTEXT | ENCODER_WHOLE,
	.options = pcapng_options,
	.cfg_size = sizeof(struct pcapng_cfg),
	.ctx_size = sizeof(struct pcapng),
	.open = pcapng_open,
	.preamble = pcapng_preamble,
	.encode = pcapng_encode,
	.seal = pcapng_seal,
	.epilogue = pcapng_epilogue,
	.close = pcapng_close,
};
