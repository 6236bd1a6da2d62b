/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/source/live.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/source/clock.h"
#include "capture/source/inbox.h"
#include "capture/source/ring.h"

#define MS             1000000ull
#define TICK_NS        (100 * MS)
#define COUNTERS_NS    (1000 * MS)
#define CLOCK_DRIFT_NS (MS / 2)
/* While records came that recently we look by ourselves, and nobody has to wake us: that often, as
 * each look takes time from the programs that are recorded. */
#define BUSY_NS          (30 * MS)
#define LOOK_NS          (5 * MS)
#define STOP_PATIENCE_NS (200 * MS) /* how long an unfinished record may delay the end */

enum {
	COUNTERS_MAX = PROBE_MAX * KC_MAX,
};

struct source_live {
	struct ring ring;
	struct inbox inbox;
	struct ctl *ctl;
	int counters_fd;
	int wake_fd, epoll_fd;
	atomic_bool stopping;
	/* the reader's */
	bool running; /* RUN was handed over: nothing may come before it */
	bool stop_seen, ended;
	bool caught_up; /* all that could be had at look_ns was handed over */
	uint64_t look_ns;
	uint64_t last_ns;   /* newest time handed over */
	uint64_t busy_ns;   /* when the ring last had something */
	uint64_t quiet_ns;  /* the same, of the burst whose end was told */
	uint64_t ticked_ns; /* when that was */
	uint64_t tick_ns, counters_ns, stop_ns;
	int64_t clock_offset;
	uint64_t read; /* records taken from the ring */
	unsigned cpus;
	uint64_t *per_cpu; /* values of all counters on each CPU */
	struct {
		struct rec_counters head;
		struct rec_counter v[COUNTERS_MAX];
	} counters, counters_new;
};

/* Where records go in one call of read(). */
struct live_out {
	source_fn fn;
	void *arg;
	unsigned left;
};

static void live_wake(struct source_live *s)
{
	uint64_t one = 1;
	ssize_t n = write(s->wake_fd, &one, sizeof(one));

	(void)n; /* fails only when 2^64 wake-ups are pending */
}

int source_live_insert(struct source_live *s, const struct rec *rec)
{
	int r = inbox_put(&s->inbox, rec);

	live_wake(s);
	return r;
}

/* ---- records of our own ------------------------------------------------------------------- */

static int live_hand(struct source_live *s, const struct rec *rec, struct live_out *out)
{
	if (rec->time > s->last_ns)
		s->last_ns = rec->time;
	return out->fn(rec, out->arg);
}

/* The time for a record of our own: not before anything that was handed over already. */
static uint64_t live_now(const struct source_live *s)
{
	return s->look_ns > s->last_ns ? s->look_ns : s->last_ns;
}

static int hand_bare(struct source_live *s, enum rec_kind kind, struct live_out *out)
{
	struct rec rec = {.len = sizeof(rec), .kind = (uint8_t)kind, .time = live_now(s)};

	return live_hand(s, &rec, out);
}

/* Hands over a CLOCK record if the wall clock has moved against boot time since the last one:
 * because somebody set it, or because NTP slews it. */
static int hand_clock(struct source_live *s, bool first, struct live_out *out)
{
	struct rec_clock clock;
	int64_t offset, moved;

	clock_read(&clock);
	offset = (int64_t)(clock.unix_ns - clock.rec.time);
	moved = offset - s->clock_offset;
	if (!first && (uint64_t)(moved < 0 ? -moved : moved) <= CLOCK_DRIFT_NS)
		return 0;
	s->clock_offset = offset;
	return live_hand(s, &clock.rec, out);
}

static uint64_t counter_sum(const struct source_live *s, uint32_t index)
{
	const uint64_t *v = &s->per_cpu[(size_t)index * s->cpus];
	uint64_t sum = 0;

	for (unsigned cpu = 0; cpu < s->cpus; cpu++)
		sum += v[cpu];
	return sum;
}

static void read_counters(struct source_live *s)
{
	struct rec_counters *head = &s->counters_new.head;
	uint32_t keys[COUNTERS_MAX], last, n = COUNTERS_MAX;

	memset(head, 0, sizeof(*head));
	/* ENOENT is how a batch says that it has given the whole map. */
	if (s->counters_fd < 0 ||
	    (bpf_map_lookup_batch(s->counters_fd, NULL, &last, keys, s->per_cpu, &n, NULL) &&
	     errno != ENOENT))
		n = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t value = counter_sum(s, i);

		if (value)
			s->counters_new.v[head->n++] = (struct rec_counter){
				.probe = (uint16_t)(keys[i] / KC_MAX),
				.counter = (uint16_t)(keys[i] % KC_MAX),
				.value = value,
			};
	}
	head->ring_size = s->ring.size;
	head->ring_high = s->ring.high;
	head->read = s->read;
	head->rec.kind = REC_COUNTERS;
	head->rec.len = (uint32_t)(sizeof(*head) + head->n * sizeof(s->counters.v[0]));
}

static int hand_counters(struct source_live *s, bool always, struct live_out *out)
{
	struct rec_counters *old = &s->counters.head, *new = &s->counters_new.head;

	read_counters(s);
	new->rec.time = old->rec.time;
	if (!always && !memcmp(old, new, new->rec.len))
		return 0;
	new->rec.time = live_now(s);
	memcpy(old, new, new->rec.len);
	return live_hand(s, &old->rec, out);
}

static int hand_tick(struct source_live *s, struct live_out *out)
{
	int r = hand_clock(s, false, out);

	if (!r && s->look_ns >= s->counters_ns) {
		s->counters_ns = s->look_ns + COUNTERS_NS;
		r = hand_counters(s, false, out);
	}
	if (!r)
		r = hand_bare(s, REC_TICK, out);
	s->tick_ns = s->look_ns - s->look_ns % TICK_NS + TICK_NS;
	return r;
}

static int hand_end(struct source_live *s, struct live_out *out)
{
	int r = hand_counters(s, true, out);

	if (!r)
		r = hand_bare(s, REC_TICK, out);
	if (!r)
		r = hand_bare(s, REC_STOP, out);
	s->ended = true;
	return r ? r : SOURCE_END;
}

/* ---- records of others -------------------------------------------------------------------- */

static int hand_inserted(struct source_live *s, struct live_out *out)
{
	const struct rec *rec;
	int r = 0;

	while (!r && out->left && (rec = inbox_next(&s->inbox))) {
		out->left--;
		r = live_hand(s, rec, out);
		if (r || rec->kind != REC_RUN)
			continue;
		s->running = true;
		r = hand_clock(s, true, out);
	}
	return r;
}

static int hand_record(struct source_live *s, const void *p, uint32_t len, struct live_out *out)
{
	const struct rec *rec = p;
	struct rec bad = {.len = sizeof(bad), .kind = REC_NONE, .time = s->last_ns};

	s->read++;
	if (len < sizeof(*rec) || rec->len < sizeof(*rec) || rec->len > len)
		rec = &bad;
	return live_hand(s, rec, out);
}

/* Hands over what was in the ring at the last look, and takes a new look only when that is used up:
 * so a tick comes even if the kernel writes as fast as we read. */
static int hand_ring(struct source_live *s, uint64_t now, struct live_out *out)
{
	unsigned left = out->left;
	const void *p;
	uint32_t len;
	int r = 0;

	if (s->caught_up) {
		s->look_ns = now;
		ring_look(&s->ring);
	}
	while (!r && out->left && (p = ring_peek(&s->ring, &len))) {
		out->left--;
		r = hand_record(s, p, len, out);
		ring_advance(&s->ring);
	}
	ring_publish(&s->ring);
	s->caught_up = out->left || ring_done(&s->ring);
	if (out->left != left)
		s->busy_ns = now;
	return r;
}

/* ---- sleeping ----------------------------------------------------------------------------- */

static void live_state(struct source_live *s, enum reader_state state)
{
	__atomic_store_n(&s->ctl->reader, (uint32_t)state, __ATOMIC_SEQ_CST);
}

/* Sleeps that long, or until the kernel or an insertion wakes us. Both descriptors are
 * edge-triggered, so what lies there already does not end the sleep. */
static void live_wait(struct source_live *s, uint64_t ns)
{
	struct epoll_event event;

	epoll_wait(s->epoll_fd, &event, 1, (int)((ns + MS - 1) / MS));
}

static void live_sleep(struct source_live *s, uint64_t now)
{
	uint64_t until_tick = s->tick_ns > now ? s->tick_ns - now : 0;

	if (!ring_done(&s->ring) || now - s->busy_ns < BUSY_NS) {
		live_state(s, READER_NAPS);
		live_wait(s, until_tick < LOOK_NS ? until_tick : LOOK_NS);
	} else {
		/* The kernel reserves room and then reads our state; we set the state and then look
		 * for what was reserved. Whoever comes second sees what the other did, so no record
		 * is slept over. */
		live_state(s, READER_SLEEPS);
		if (__atomic_load_n(s->ring.producer, __ATOMIC_SEQ_CST) == s->ring.end)
			live_wait(s, until_tick);
	}
	live_state(s, READER_AWAKE);
}

/* ---- the source --------------------------------------------------------------------------- */

/* Is everything handed over that was there when the stop was asked for? A record that some program
 * still writes is waited for, but not for ever. */
static bool live_drained(struct source_live *s, uint64_t now)
{
	if (!ring_done(&s->ring) && now - s->stop_ns < STOP_PATIENCE_NS)
		return false;
	return inbox_close_if_empty(&s->inbox);
}

static void live_see_stop(struct source_live *s, uint64_t now)
{
	if (s->stop_seen)
		return;
	s->stop_seen = true;
	s->stop_ns = now;
	ring_look(&s->ring);
}

/* All there was has been taken: a tick comes now, so that what waits for one need not wait for the
 * next, but not more often than we look. */
static bool live_falls_quiet(struct source_live *s, uint64_t now)
{
	if (s->busy_ns == s->quiet_ns || !ring_done(&s->ring) || s->busy_ns == now)
		return false;
	if (now - s->ticked_ns < LOOK_NS)
		return false;
	s->quiet_ns = s->busy_ns;
	s->ticked_ns = now;
	return true;
}

static int live_turn(struct source_live *s, struct live_out *out)
{
	bool stopping = atomic_load(&s->stopping);
	unsigned budget = out->left;
	uint64_t now = clock_boot_ns();
	int r;

	if (s->ended)
		return SOURCE_END;
	r = hand_inserted(s, out);
	if (r < 0)
		return r;
	if (!s->running) {
		s->ended = stopping && live_drained(s, now);
		if (!stopping)
			live_wait(s, TICK_NS);
		return s->ended ? SOURCE_END : SOURCE_MORE;
	}
	if (stopping)
		live_see_stop(s, now);
	r = hand_ring(s, now, out);
	if (r < 0)
		return r;
	if (s->caught_up && stopping && live_drained(s, now))
		return hand_end(s, out);
	if (s->caught_up && (s->look_ns >= s->tick_ns || live_falls_quiet(s, now)))
		return hand_tick(s, out);
	if (out->left == budget)
		live_sleep(s, now);
	return SOURCE_MORE;
}

static int live_read(void *ctx, unsigned budget, source_fn fn, void *arg, struct err *err)
{
	struct source_live *s = ctx;
	struct live_out out = {fn, arg, budget};
	int r = live_turn(s, &out);

	if (r < 0) /* nothing is taken out any more, so nobody may wait for room */
		inbox_close(&s->inbox);
	return r;
}

static void live_stop(void *ctx)
{
	struct source_live *s = ctx;

	atomic_store(&s->stopping, true);
	live_wake(s);
}

static void live_close(void *ctx)
{
	struct source_live *s = ctx;

	if (!s)
		return;
	ring_unmap(&s->ring);
	if (s->ctl)
		munmap(s->ctl, sizeof(*s->ctl));
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	if (s->wake_fd >= 0)
		close(s->wake_fd);
	inbox_done(&s->inbox);
	free(s->per_cpu);
	free(s);
}

static const struct source_ops live_ops = {
	.name = "live",
	.read = live_read,
	.stop = live_stop,
	.close = live_close,
};

struct source source_live_source(struct source_live *s)
{
	return (struct source){&live_ops, s};
}

struct ctl *source_live_ctl(struct source_live *s)
{
	return s->ctl;
}

static int live_watch(struct source_live *s, int ring_fd, struct err *err)
{
	struct epoll_event edge = {.events = EPOLLIN | EPOLLET};

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->epoll_fd < 0 || s->wake_fd < 0 ||
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &edge))
		return errf(err, -errno, "cannot wait for records: %s", strerror(errno));
	/* EPERM: a plain file in place of a map (tests) wakes nobody. */
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, ring_fd, &edge) && errno != EPERM)
		return errf(err, -errno, "cannot wait for the ring: %s", strerror(errno));
	return 0;
}

static int live_open(struct source_live *s, const struct source_live_config *cfg, struct err *err)
{
	int cpus = cfg->counters_fd >= 0 ? libbpf_num_possible_cpus() : 1;
	void *ctl;
	int r = live_watch(s, cfg->ring_fd, err);

	if (r < 0)
		return r;
	if (cpus < 0)
		return errf(err, cpus, "cannot tell the number of CPUs: %s", strerror(-cpus));
	s->cpus = (unsigned)cpus;
	s->per_cpu = calloc((size_t)s->cpus * COUNTERS_MAX, sizeof(*s->per_cpu));
	if (!s->per_cpu)
		return errf(err, -ENOMEM, "no memory for the live source");
	ctl = mmap(NULL, sizeof(*s->ctl), PROT_READ | PROT_WRITE, MAP_SHARED, cfg->ctl_fd, 0);
	if (ctl == MAP_FAILED)
		return errf(err, -errno, "cannot map the control block: %s", strerror(errno));
	s->ctl = ctl;
	return ring_map(cfg->ring_fd, cfg->ring_size, &s->ring, err);
}

int source_live_new(const struct source_live_config *cfg, struct source_live **ret, struct err *err)
{
	struct source_live *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return errf(err, -ENOMEM, "no memory for the live source");
	s->wake_fd = s->epoll_fd = -1;
	s->counters_fd = cfg->counters_fd;
	s->caught_up = true;
	r = inbox_init(&s->inbox);
	r = r < 0 ? errf(err, r, "no memory for the live source") : live_open(s, cfg, err);
	if (r < 0) {
		live_close(s);
		return r;
	}
	*ret = s;
	return 0;
}
