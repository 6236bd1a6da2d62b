/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live source over a fake ring: memory files in place of the kernel's maps, a test in place of
 * its programs. That a sleeping reader is woken by a real ring is tested where eBPF is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/source/clock.h"
#include "capture/source/live.h"

enum {
	SIZE = 64 * 1024,
	KEPT_MAX = 20000
};

static struct {
	int ring_fd, ctl_fd;
	uint8_t *p; /* consumer page, producer page, data twice */
	unsigned long *consumer, *producer;
	uint8_t *data;
	struct source_live *s;
	struct source source;
	/* what was handed over */
	struct rec kept[KEPT_MAX];
	union {
		struct rec_counters counters;
		uint8_t bytes[8192];
	} last; /* COUNTERS */
	unsigned n;
	int answer;
} t;

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int set_up(void **state)
{
	struct source_live_config cfg = {.ring_size = SIZE, .counters_fd = -1};
	size_t n = 2 * page() + 2 * SIZE;
	struct err err;

	memset(&t, 0, sizeof(t));
	cfg.ring_fd = t.ring_fd = memfd_create("ring", MFD_CLOEXEC);
	cfg.ctl_fd = t.ctl_fd = memfd_create("ctl", MFD_CLOEXEC);
	assert_int_equal(ftruncate(t.ring_fd, (off_t)n), 0);
	assert_int_equal(ftruncate(t.ctl_fd, sizeof(struct ctl)), 0);
	t.p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, t.ring_fd, 0);
	assert_ptr_not_equal(t.p, MAP_FAILED);
	t.consumer = (unsigned long *)t.p;
	t.producer = (unsigned long *)(t.p + page());
	t.data = t.p + 2 * page();
	if (source_live_new(&cfg, &t.s, &err))
		fail_msg("%s", err.text);
	t.source = source_live_source(t.s);
	return 0;
}

static int tear_down(void **state)
{
	t.source.ops->close(t.source.ctx);
	munmap(t.p, 2 * page() + 2 * SIZE);
	close(t.ring_fd);
	close(t.ctl_fd);
	return 0;
}

static int keep(const struct rec *rec, void *arg)
{
	assert_true(t.n < KEPT_MAX);
	assert_true(rec->len >= sizeof(*rec));
	t.kept[t.n++] = *rec;
	if (rec->kind == REC_COUNTERS)
		memcpy(t.last.bytes, rec, rec->len);
	return t.answer;
}

static int turn(unsigned budget)
{
	struct err err = {""};

	return t.source.ops->read(t.source.ctx, budget, keep, NULL, &err);
}

static void poke(unsigned long at, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		t.data[(at + i) % SIZE] = ((const uint8_t *)p)[i];
		t.data[(at + i) % SIZE + SIZE] = ((const uint8_t *)p)[i];
	}
}

/* One record in the ring: `reserved` bytes, of which it says that it uses `len`. False = full. */
static bool put(uint8_t kind, uint32_t len, uint32_t reserved, uint64_t time)
{
	struct rec rec = {.len = len, .kind = kind, .time = time};
	unsigned long at = *t.producer, next = at + ((8 + reserved + 7) & ~7u);
	uint32_t head[2] = {reserved, 0};

	if (next - __atomic_load_n(t.consumer, __ATOMIC_ACQUIRE) > SIZE)
		return false;
	poke(at + 8, &rec, reserved < sizeof(rec) ? reserved : sizeof(rec));
	poke(at, head, sizeof(head));
	__atomic_store_n(t.producer, next, __ATOMIC_RELEASE);
	return true;
}

static void insert(uint8_t kind)
{
	struct rec rec = {.len = sizeof(rec), .kind = kind, .time = clock_boot_ns()};

	assert_int_equal(source_live_insert(t.s, &rec), 0);
}

static unsigned count(uint8_t kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t.n; i++)
		n += t.kept[i].kind == kind;
	return n;
}

static void read_to_the_end(void)
{
	int r;

	t.source.ops->stop(t.source.ctx);
	do {
		r = turn(100);
	} while (r == SOURCE_MORE);
	assert_int_equal(r, SOURCE_END);
}

/* ---- order -------------------------------------------------------------------------------- */

static void begins_with_run_and_clock(void **state)
{
	put(REC_FORK, 80, 80, clock_boot_ns());
	insert(REC_RUN);
	insert(REC_PROC);
	assert_int_equal(turn(100), SOURCE_MORE);
	assert_true(t.n >= 4);
	assert_int_equal(t.kept[0].kind, REC_RUN);
	assert_int_equal(t.kept[1].kind, REC_CLOCK);
	assert_int_equal(t.kept[2].kind, REC_PROC);
	assert_int_equal(t.kept[3].kind, REC_FORK);
}

static void waits_for_run(void **state)
{
	put(REC_FORK, 80, 80, clock_boot_ns());
	assert_int_equal(turn(100), SOURCE_MORE);
	assert_int_equal(t.n, 0);
}

static void ends_in_good_order(void **state)
{
	insert(REC_RUN);
	put(REC_FORK, 80, 80, clock_boot_ns());
	put(REC_EXIT, 88, 88, clock_boot_ns());
	insert(REC_ATTACH);
	read_to_the_end();
	assert_int_equal(t.kept[t.n - 1].kind, REC_STOP);
	assert_int_equal(t.kept[t.n - 2].kind, REC_TICK);
	assert_int_equal(t.kept[t.n - 3].kind, REC_COUNTERS);
	assert_int_equal(count(REC_FORK) + count(REC_EXIT) + count(REC_ATTACH), 3);
	assert_int_equal(t.last.counters.read, 2);
	assert_int_equal(t.last.counters.ring_size, SIZE);
	assert_true(t.last.counters.ring_high >= 80 + 88);
	assert_int_equal(turn(100), SOURCE_END);
	assert_int_equal(source_live_insert(t.s, &t.kept[0]), -ESHUTDOWN);
}

static void ends_without_a_run(void **state)
{
	read_to_the_end();
	assert_int_equal(t.n, 0);
}

static void keeps_to_the_budget(void **state)
{
	insert(REC_RUN);
	for (unsigned i = 0; i < 10; i++)
		put(REC_FORK, 80, 80, clock_boot_ns());
	turn(1);
	assert_int_equal(count(REC_FORK), 0);
	for (unsigned i = 1; i <= 10; i++) {
		turn(1);
		assert_int_equal(count(REC_FORK), i);
	}
	assert_int_equal(*t.consumer, *t.producer);
}

static void ticks_never_go_back(void **state)
{
	uint64_t ahead = clock_boot_ns() + 5000000000ull;

	insert(REC_RUN);
	put(REC_FORK, 80, 80, ahead);
	while (count(REC_TICK) < 2)
		turn(100);
	for (unsigned i = 0; i < t.n; i++)
		if (t.kept[i].kind == REC_TICK)
			assert_int_equal(t.kept[i].time, ahead);
}

/* A writer that never pauses: all is read, and ticks come on time. */
static bool writing;

static void *write_without_pause(void *arg)
{
	uint64_t *written = arg;

	while (__atomic_load_n(&writing, __ATOMIC_ACQUIRE))
		if (put(REC_FORK, 80, 4000, clock_boot_ns()))
			++*written;
	return NULL;
}

static void ticks_under_load(void **state)
{
	uint64_t written = 0, until, n = 0;
	pthread_t thread;

	insert(REC_RUN);
	__atomic_store_n(&writing, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_create(&thread, NULL, write_without_pause, &written), 0);
	until = clock_boot_ns() + 600000000;
	while (clock_boot_ns() < until) {
		assert_int_equal(turn(3), SOURCE_MORE);
		if (t.n > KEPT_MAX - 100) { /* forget the records, keep their number */
			unsigned kept = 0;

			for (unsigned i = 0; i < t.n; i++)
				if (t.kept[i].kind == REC_TICK)
					t.kept[kept++] = t.kept[i];
				else
					n += t.kept[i].kind == REC_FORK;
			t.n = kept;
		}
	}
	__atomic_store_n(&writing, false, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	assert_in_range(count(REC_TICK), 3, 200);
	read_to_the_end();
	assert_int_equal(n + count(REC_FORK), written);
	assert_int_equal(t.last.counters.read, written);
}

/* ---- records that make no sense ----------------------------------------------------------- */

static void hands_over_bad_records_as_none(void **state)
{
	insert(REC_RUN);
	put(REC_FORK, 80, 80, 1);
	put(REC_FORK, 0, 80, 1);
	put(REC_FORK, 15, 80, 1);
	put(REC_FORK, 81, 80, 1);
	put(REC_FORK, UINT32_MAX, 80, 1);
	put(REC_FORK, 16, 8, 1);
	put(REC_FORK, 16, 80, 1);
	read_to_the_end();
	assert_int_equal(count(REC_FORK), 2);
	assert_int_equal(count(REC_NONE), 5);
	for (unsigned i = 0; i < t.n; i++)
		if (t.kept[i].kind == REC_NONE)
			assert_int_equal(t.kept[i].len, sizeof(struct rec));
	assert_int_equal(t.last.counters.read, 7);
}

/* A record that its writer never finishes holds nothing up for ever. */
static void ends_despite_an_unfinished_record(void **state)
{
	uint32_t busy = 80 | BPF_RINGBUF_BUSY_BIT;

	insert(REC_RUN);
	poke(*t.producer, &busy, sizeof(busy));
	__atomic_store_n(t.producer, *t.producer + 88, __ATOMIC_RELEASE);
	while (count(REC_TICK) < 2)
		turn(100);
	read_to_the_end();
	assert_int_equal(t.last.counters.read, 0);
}

static void passes_on_what_the_taker_says(void **state)
{
	insert(REC_RUN);
	t.answer = -EPROTO;
	assert_int_equal(turn(100), -EPROTO);
	assert_int_equal(source_live_insert(t.s, &t.kept[0]), -ESHUTDOWN);
}

/* ---- inserting ---------------------------------------------------------------------------- */

enum {
	INSERTS = 3000
};

static void *insert_much(void *arg)
{
	union {
		struct rec rec;
		uint8_t bytes[2000];
	} u = {.rec = {.len = sizeof(u), .kind = REC_PROC}};

	for (unsigned i = 0; i < INSERTS; i++) {
		u.rec.time = i;
		assert_int_equal(source_live_insert(t.s, &u.rec), 0);
	}
	return NULL;
}

/* Twelve times what the queue holds, from another thread: all of it comes, in order. */
static void inserters_wait_for_room(void **state)
{
	uint64_t next = 0;
	pthread_t thread;

	insert(REC_RUN);
	assert_int_equal(pthread_create(&thread, NULL, insert_much, NULL), 0);
	while (count(REC_PROC) < INSERTS)
		turn(7);
	pthread_join(thread, NULL);
	for (unsigned i = 0; i < t.n; i++)
		if (t.kept[i].kind == REC_PROC)
			assert_int_equal(t.kept[i].time, next++);
}

static void counters_come_when_they_change(void **state)
{
	uint64_t until = clock_boot_ns() + 1500000000ull;

	insert(REC_RUN);
	while (clock_boot_ns() < until)
		turn(100);
	assert_int_equal(count(REC_COUNTERS), 1);
	put(REC_FORK, 80, 80, clock_boot_ns());
	until += 1500000000ull;
	while (count(REC_COUNTERS) < 2) {
		assert_true(clock_boot_ns() < until);
		turn(100);
	}
	assert_int_equal(t.last.counters.read, 1);
}

/* ---- a real ring -------------------------------------------------------------------------- */

/* A kernel program that writes one TICK-sized record and wakes the reader. */
static int load_writer(int ring)
{
	const struct bpf_insn code[] = {
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -16, .imm = 16},
		{.code = BPF_ST | BPF_MEM | BPF_W, .dst_reg = 10, .off = -12, .imm = REC_FORK},
		{.code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = 10, .off = -8, .imm = 1},
		{.code = BPF_LD | BPF_DW | BPF_IMM,
		 .dst_reg = 1,
		 .src_reg = BPF_PSEUDO_MAP_FD,
		 .imm = ring},
		{0},
		{.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 2, .src_reg = 10},
		{.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = 2, .imm = -16},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 16},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 4, .imm = BPF_RB_FORCE_WAKEUP},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_ringbuf_output},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};

	return bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "writer", "GPL", code,
			     sizeof(code) / sizeof(code[0]), NULL);
}

struct writer {
	int prog;
	struct ctl *ctl;
	uint64_t wrote_ns;
};

/* Writes when the reader says that it sleeps. */
static void *write_once(void *arg)
{
	struct writer *w = arg;
	uint8_t packet[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .repeat = 1);

	while (__atomic_load_n(&w->ctl->reader, __ATOMIC_ACQUIRE) != READER_SLEEPS)
		usleep(100);
	w->wrote_ns = clock_boot_ns();
	assert_int_equal(bpf_prog_test_run_opts(w->prog, &opts), 0);
	return NULL;
}

static uint64_t got_ns;
static unsigned ticks;

static int note_time(const struct rec *rec, void *arg)
{
	if (rec->kind == REC_FORK)
		got_ns = clock_boot_ns();
	ticks += rec->kind == REC_TICK;
	return 0;
}

/* With nothing to read, a look per tick is enough. */
static void assert_sleeps(struct source source)
{
	unsigned looks = 0;

	for (ticks = 0; ticks < 4; looks++)
		assert_int_equal(source.ops->read(source.ctx, 100, note_time, NULL, NULL), 0);
	assert_in_range(looks, 4, 30);
}

static void a_record_wakes_the_sleeper(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, mmapable, .map_flags = BPF_F_MMAPABLE);
	struct rec run = {.len = sizeof(run), .kind = REC_RUN};
	struct source_live_config cfg = {.ring_size = SIZE};
	struct writer w;
	struct source source;
	struct source_live *s;
	struct err err;
	pthread_t thread;

	cfg.ring_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "ring", 0, 0, SIZE, NULL);
	cfg.ctl_fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "ctl", 4, sizeof(struct ctl), 1, &mmapable);
	cfg.counters_fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "counters", 4, 8,
					 PROBE_MAX * KC_MAX, NULL);
	w.prog = load_writer(cfg.ring_fd);
	if (cfg.ring_fd < 0 || cfg.counters_fd < 0 || w.prog < 0) {
		print_message("skipped: no eBPF here\n");
		skip();
	}
	if (source_live_new(&cfg, &s, &err))
		fail_msg("%s", err.text);
	source = source_live_source(s);
	w.ctl = source_live_ctl(s);
	assert_int_equal(source_live_insert(s, &run), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_once, &w), 0);
	while (!got_ns)
		assert_int_equal(source.ops->read(source.ctx, 100, note_time, NULL, &err), 0);
	pthread_join(thread, NULL);
	assert_sleeps(source);
	print_message("woken after %.2f ms\n", (double)(got_ns - w.wrote_ns) / 1e6);
	source.ops->close(source.ctx);
	close(w.prog);
	close(cfg.ring_fd);
	close(cfg.ctl_fd);
	close(cfg.counters_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(begins_with_run_and_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_for_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_in_good_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_without_a_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_to_the_budget, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ticks_never_go_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ticks_under_load, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hands_over_bad_records_as_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(ends_despite_an_unfinished_record, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(passes_on_what_the_taker_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(inserters_wait_for_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counters_come_when_they_change, set_up, tear_down),
		cmocka_unit_test(a_record_wakes_the_sleeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
