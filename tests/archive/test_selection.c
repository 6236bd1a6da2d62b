/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/archive/query.h"
#include "capture/archive/reindex.h"
#include "capture/archive/selection.h"
#include "tests/support/archives.h"
#include "tests/support/temp.h"

enum {
	RECORDS = 4 /* a frame */
};

static struct bytes file, blob;

static int setup_archive(void **state)
{
	struct bytes contents = archives_load("samples/golden/exec.jsonl");
	struct err err = {""};
	int folder;

	file = archives_compress("jsonl", contents, RECORDS);
	temp_file("a.zst", file.p, file.n);
	temp_file("a.jsonl.zst", file.p, file.n);
	folder = open(temp_folder(), O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(reindex_file(folder, "a.jsonl.zst", "a.jsonl.zst.idx", &err), 0);
	close(folder);
	blob = archives_load(temp_name("a.jsonl.zst.idx"));
	free((char *)contents.p);
	return 0;
}

static int teardown_archive(void **state)
{
	free((char *)file.p);
	free((char *)blob.p);
	return 0;
}

static int prune_by(struct index *x, uint8_t *frames, void *query)
{
	return query ? query_prune(query, x, frames) : 0;
}

/* What is said of the archive with that index; n 0 = it is not there. */
static int select_with(struct bytes archive, struct bytes index, const char *says)
{
	struct selection s = {0};
	struct err err = {""};
	int r;

	temp_file("s.zst", archive.p, archive.n);
	if (index.p)
		temp_file("s.zst.idx", index.p, index.n);
	else
		unlink(temp_name("s.zst.idx"));
	r = selection_make(temp_name("s.zst"), prune_by, NULL, &s, &err);
	if (r == 0)
		selection_done(&s);
	else if (!strstr(err.text, says))
		fail_msg("'%s' is not '%s'", err.text, says);
	return r;
}

static struct bytes flipped(struct bytes b, size_t at)
{
	char *copy = malloc(b.n + 1);

	assert_non_null(copy);
	memcpy(copy, b.p, b.n);
	copy[at] ^= 0x40;
	return (struct bytes){copy, b.n};
}

static void test_not_believed(void **state)
{
	char longer[8192] = "";
	struct bytes other;

	assert_int_equal(select_with(file, blob, ""), 0);
	assert_int_equal(select_with(file, (struct bytes){NULL, 0}, "no index"), -ENOENT);
	for (size_t n = 0; n < blob.n; n += n < 16 ? 1 : 13)
		assert_int_equal(select_with(file, (struct bytes){blob.p, n}, "damaged"), -EBADMSG);
	for (size_t at = 0; at < blob.n; at++) {
		other = flipped(blob, at);
		assert_int_equal(select_with(file, other, "damaged"), -EBADMSG);
		free((char *)other.p);
	}
	/* Appended to, and cut. */
	assert_in_range(file.n, 1, sizeof(longer) - 1);
	memcpy(longer, file.p, file.n);
	assert_int_equal(select_with((struct bytes){longer, file.n + 1}, blob, "another file"),
			 -EBADMSG);
	assert_int_equal(select_with((struct bytes){file.p, file.n - 1}, blob, "another file"),
			 -EBADMSG);
	assert_int_equal(select_with((struct bytes){file.p, 0}, blob, "another file"), -EBADMSG);
}

/* One of the same size: a checksum at the end of a frame differs, or what is behind the frames. */
static void test_same_size(void **state)
{
	struct selection s;
	struct err err;
	struct bytes other;
	size_t end = 0;

	temp_file("s.zst", file.p, file.n);
	temp_file("s.zst.idx", blob.p, blob.n);
	assert_int_equal(selection_make(temp_name("s.zst"), prune_by, NULL, &s, &err), 0);
	assert_int_equal(s.n, 1); /* all frames, one behind the other */
	assert_int_equal(s.parts[0].offset, 0);
	end = s.parts[0].size;
	selection_done(&s);
	for (size_t at = end - 4; at < end + 8; at++) {
		other = flipped(file, at);
		assert_int_equal(select_with(other, blob, "another file"), -EBADMSG);
		free((char *)other.p);
	}
}

static const char *value;
static struct query_texts texts;

/* Which frames are read for a query, as bits. */
static unsigned frames_read(const struct query_texts *t)
{
	const struct index_frame *f;
	struct selection s;
	struct query *q;
	struct index *x;
	struct err err;
	unsigned bits = 0;

	temp_file("s.zst", file.p, file.n);
	temp_file("s.zst.idx", blob.p, blob.n);
	assert_int_equal(query_new(t, 1795532753000000000ull, &q, &err), 0);
	assert_int_equal(selection_make(temp_name("s.zst"), prune_by, q, &s, &err), 0);
	assert_int_equal(index_read(blob, &x, &err), 0);
	for (size_t i = 0; i < index_frames(x, &f); i++)
		for (size_t k = 0; k < s.n; k++)
			if (f[i].offset >= s.parts[k].offset &&
			    f[i].offset < s.parts[k].offset + s.parts[k].size)
				bits |= 1u << i;
	index_free(x);
	selection_done(&s);
	query_free(q);
	return bits;
}

/* In which frames a line has that text, as grep sees it. */
static unsigned frames_grep(const char *text)
{
	struct bytes contents = archives_load("samples/golden/exec.jsonl"), rest = contents;
	unsigned bits = 0;

	for (unsigned line = 0; rest.n; line++) {
		size_t n = archives_record("jsonl", rest);

		if (memmem(rest.p, n, text, strlen(text)))
			bits |= 1u << line / RECORDS;
		rest = (struct bytes){rest.p + n, rest.n - n};
	}
	free((char *)contents.p);
	return bits;
}

static void test_frames(void **state)
{
	static const struct {
		size_t option;
		const char *value, *text;
	} rows[] = {
#define OPTION(name) offsetof(struct query_texts, name)
		{OPTION(comm), "grep", "\"comm\":\"grep\""},
		{OPTION(comm), "sh", "\"comm\":\"sh\""},
		{OPTION(comm), "s*", "\"comm\":\"s"},
		{OPTION(comm), "nothing", "\"comm\":\"nothing\""},
		{OPTION(exe), "grep", "/grep\",\"start"},
		{OPTION(exe), "/usr/bin/dash", "\"exe\":\"/usr/bin/dash\""},
		{OPTION(pid), "2969", "\"process\":{\"pid\":2969,"},
		{OPTION(pid), "2971", "\"process\":{\"pid\":2971,"},
		{OPTION(pid), "1", "\"process\":{\"pid\":1,"},
		{OPTION(uid), "0", "\"uid\":0,"},
		{OPTION(uid), "65534", "\"uid\":65534,"},
		{OPTION(kind), "exec", "\"type\":\"exec\""},
		{OPTION(kind), "stats", "\"type\":\"stats\""},
		{OPTION(port), "443", "_port\":443,"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct opt_list *list;

		texts = (struct query_texts){0};
		list = (void *)((char *)&texts + rows[i].option);
		value = rows[i].value;
		*list = (struct opt_list){&value, 1};
		if (frames_read(&texts) != frames_grep(rows[i].text))
			fail_msg("%s: %x, not %x", rows[i].text, frames_read(&texts),
				 frames_grep(rows[i].text));
	}
	/* Times are only believed to some seconds, and what excludes, or must see all, takes all.
	 */
	texts = (struct query_texts){.from = "2026-11-24T14:19:40Z"};
	assert_int_equal(frames_read(&texts), 0);
	texts = (struct query_texts){.to = "2026-11-24T14:19:20Z"};
	assert_int_equal(frames_read(&texts), 0);
	texts = (struct query_texts){.from = "2026-11-24T14:19:30Z"};
	assert_int_equal(frames_read(&texts), frames_grep("{"));
	value = "!sh";
	texts = (struct query_texts){.comm = {&value, 1}};
	assert_int_equal(frames_read(&texts), frames_grep("{"));
	value = "2923";
	texts = (struct query_texts){.tree = {&value, 1}};
	assert_int_equal(frames_read(&texts), frames_grep("{"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_believed),
		cmocka_unit_test(test_same_size),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, setup_archive, teardown_archive);
}
