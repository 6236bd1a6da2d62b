/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/support/spools.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/temp.h"

enum {
	OPENING = 100
};

static void note_lost(void *arg, const struct loss *loss, bool earlier)
{
	struct spools *s = arg;

	s->lost_calls++;
	loss_add(earlier ? &s->earlier : &s->lost, loss);
}

void spools_init(struct spools *s, const char *folder)
{
	*s = (struct spools){.stream = 'a'};
	temp_path(s->folder, folder);
	s->env = (struct spool_env){.folder = s->folder,
				    .max_bytes = 1 << 30,
				    .sync = SPOOL_SYNC_NONE,
				    .uid = (uid_t)-1,
				    .gid = (gid_t)-1,
				    .lost = note_lost,
				    .arg = s};
	s->in = chunk_map_new(1, CHUNK_JUMBO);
	s->out = chunk_map_new(1, CHUNK_JUMBO);
	assert_true(s->in && s->out);
}

int spools_open(struct spools *s)
{
	int r;

	s->err.text[0] = '\0';
	s->opened = false;
	s->ctx = calloc(1, spool_disk.ctx_size);
	assert_non_null(s->ctx);
	r = spool_disk.open(s->ctx, &s->env, s->note, sizeof(s->note), &s->err);
	assert_int_equal(r < 0, s->err.text[0] != '\0');
	if (r < 0)
		spools_close(s);
	return r;
}

void spools_close(struct spools *s)
{
	spool_disk.close(s->ctx);
	free(s->ctx);
	s->ctx = NULL;
}

void spools_free(struct spools *s)
{
	if (s->ctx)
		spools_close(s);
	chunk_map_free(s->in, 1);
	chunk_map_free(s->out, 1);
}

/* ---- chunks -------------------------------------------------------------------------------- */

static void fill_opening(uint8_t *p, char stream)
{
	memset(p, stream, OPENING);
}

static uint8_t byte_of(uint64_t seq, size_t i)
{
	return (uint8_t)((seq * 0x9e3779b97f4a7c15 + i * 0x2545f4914f6cdd1d) >> 32);
}

/* Chunk `seq` of the stream, but for its bytes. */
static struct chunk chunk_of(uint64_t seq, size_t n, bool opens)
{
	struct chunk c = {.len = n + (opens ? OPENING : 0),
			  .opens = opens,
			  .opens_run = opens,
			  .opening_n = opens ? OPENING : 0,
			  .generation = (uint32_t)seq % 5,
			  .reports = (uint32_t)seq % 7,
			  .records = SPOOLS_RECORDS,
			  .first_seq = seq,
			  .last_seq = seq + SPOOLS_RECORDS - 1,
			  .first_ns = 1000 * seq,
			  .last_ns = 1000 * seq + 999,
			  .opened_ns = 1000 * seq + 5,
			  .touched_ns = 1000 * seq + 1005,
			  .unix_ns = 1772600767000000000ull + seq};

	for (unsigned i = 0; i < CHUNK_KINDS; i++)
		c.by_kind[i] = (uint32_t)(seq + i) % 3;
	return c;
}

int spools_put(struct spools *s, uint64_t seq, size_t n)
{
	bool opens = s->stream && !s->opened;
	uint8_t *memory = s->in->p;
	size_t cap = s->in->cap, skip = opens ? OPENING : 0;
	int r;

	*s->in = chunk_of(seq, n, opens);
	s->in->p = memory;
	s->in->cap = cap;
	assert_true(s->in->len <= cap);
	if (opens)
		fill_opening(memory, s->stream);
	for (size_t i = 0; i < n; i++)
		memory[skip + i] = byte_of(seq, i);
	r = spool_disk.put(s->ctx, s->in);
	s->opened |= opens && r == 0;
	return r;
}

static bool is_stream(const uint8_t *p)
{
	uint8_t opening[OPENING];

	fill_opening(opening, (char)*p);
	return !memcmp(p, opening, OPENING);
}

void spools_rewind(struct spools *s)
{
	s->rewound = true;
	spool_disk.rewind(s->ctx);
}

/* What came out is something that was put once. */
static void check_out(struct spools *s, bool earlier)
{
	const struct chunk *c = s->out;
	struct chunk want = chunk_of(c->first_seq, c->len - c->opening_n, c->opens);

	assert_int_equal(c->opens, c->opens_run);
	if (c->opens)
		assert_true(c->opening_n == OPENING && c->len >= OPENING && is_stream(c->p));
	if (!c->records) {
		assert_true(c->opens && c->len == OPENING && !c->rotates && !c->reports);
		return;
	}
	if (earlier && !s->rewound)
		want.reports = 0;
	assert_true(c->len == want.len && c->records == want.records);
	assert_true(c->last_seq == want.last_seq && c->first_ns == want.first_ns);
	assert_true(c->last_ns == want.last_ns && c->opened_ns == want.opened_ns);
	assert_true(c->touched_ns == want.touched_ns && c->unix_ns == want.unix_ns);
	assert_true(c->generation == want.generation && c->reports == want.reports);
	assert_memory_equal(c->by_kind, want.by_kind, sizeof(want.by_kind));
	for (size_t i = c->opening_n; i < c->len; i++)
		if (c->p[i] != byte_of(c->first_seq, i - c->opening_n))
			fail_msg("byte %zu of chunk %llu", i, (unsigned long long)c->first_seq);
}

int spools_take(struct spools *s, uint64_t *ret_seq, size_t *ret_n)
{
	size_t n = spool_disk.next_size(s->ctx);
	uint8_t *memory = s->out->p;
	int r;

	if (!n)
		return 0;
	assert_true(n <= s->out->cap);
	r = spool_disk.next(s->ctx, s->out);
	if (r < 0)
		return r;
	assert_ptr_equal(s->out->p, memory);
	assert_int_equal(s->out->len, n);
	assert_int_equal(s->out->cap, CHUNK_JUMBO);
	check_out(s, s->out->again);
	*ret_seq = s->out->records ? s->out->first_seq : 0;
	*ret_n = s->out->records ? n - s->out->opening_n : 0;
	return 1;
}

void spools_expect_opening(struct spools *s)
{
	uint64_t seq;
	size_t n;

	assert_int_equal(spools_take(s, &seq, &n), 1);
	assert_int_equal(n, 0);
	assert_int_equal(s->out->p[0], s->stream);
}

void spools_expect(struct spools *s, uint64_t seq, size_t n, bool again)
{
	uint64_t got_seq;
	size_t got_n;

	assert_int_equal(spools_take(s, &got_seq, &got_n), 1);
	assert_int_equal(got_seq, seq);
	assert_int_equal(got_n, n);
	assert_int_equal(s->out->again, again);
}

void spools_done(struct spools *s)
{
	spool_disk.done(s->ctx);
}

void spools_expect_nothing(struct spools *s)
{
	struct spool_stats stats = spools_stats(s);

	assert_int_equal(spool_disk.next_size(s->ctx), 0);
	assert_int_equal(stats.events, 0);
	assert_int_equal(stats.bytes, 0);
}

struct spool_stats spools_stats(const struct spools *s)
{
	struct spool_stats stats;

	spool_disk.stats(s->ctx, &stats);
	return stats;
}

/* ---- files --------------------------------------------------------------------------------- */

static unsigned count_files(const struct spools *s, const char *ending, char *ret, int order)
{
	DIR *dir = opendir(s->folder);
	const struct dirent *e;
	char best[NAME_MAX + 1] = "";
	unsigned n = 0;

	while (dir && (e = readdir(dir))) {
		size_t len = strlen(e->d_name);

		if (len < strlen(ending) || strcmp(e->d_name + len - strlen(ending), ending) != 0 ||
		    !strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (!n++ || order * strcmp(e->d_name, best) > 0)
			snprintf(best, sizeof(best), "%s", e->d_name);
	}
	if (dir)
		closedir(dir);
	if (ret)
		assert_in_range(snprintf(ret, PATH_MAX, "%s/%s", s->folder, best), 1, PATH_MAX - 1);
	return n;
}

unsigned spools_files(const struct spools *s, const char *ending, char ret[PATH_MAX])
{
	return count_files(s, ending, ret, 1);
}

unsigned spools_first_file(const struct spools *s, const char *ending, char ret[PATH_MAX])
{
	return count_files(s, ending, ret, -1);
}

void spools_wipe(const struct spools *s)
{
	char path[PATH_MAX];

	while (spools_files(s, "", path))
		assert_int_equal(unlink(path), 0);
	assert_true(rmdir(s->folder) == 0 || errno == ENOENT);
}
