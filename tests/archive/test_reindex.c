/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/archive/reindex.h"
#include "capture/index.h"
#include "tests/support/archives.h"
#include "tests/support/temp.h"

static int folder = -1;

static void put_archive(const char *name, const char *format, struct bytes contents,
			unsigned records)
{
	struct bytes file = archives_compress(format, contents, records);

	temp_file(name, file.p, file.n);
	free((char *)file.p);
	if (folder < 0)
		folder = open(temp_folder(), O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder >= 0);
}

static struct index *index_of(const char *name)
{
	struct bytes blob = archives_load(temp_name(name));
	struct index *x;
	struct err err;

	if (index_read(blob, &x, &err) < 0)
		fail_msg("%s", err.text);
	free((char *)blob.p);
	return x;
}

/* In which frames may events of that program be? As a number whose bit n is frame n. */
static unsigned frames_with(struct index *x, const char *comm)
{
	const struct index_frame *frames;
	size_t n = index_frames(x, &frames);
	uint8_t keep[64];
	unsigned bits = 0;

	assert_in_range(n, 1, sizeof(keep));
	memset(keep, 0, sizeof(keep));
	index_mark(x, KEY_COMM, bytes_of(comm), keep);
	for (size_t i = 0; i < n; i++)
		bits |= keep[i] ? 1u << i : 0;
	return bits;
}

/* As grep would find them. */
static unsigned frames_grep(struct bytes contents, unsigned records, const char *comm)
{
	unsigned bits = 0, line = 0;
	char want[64];

	snprintf(want, sizeof(want), "\"comm\":\"%s\"", comm);
	while (contents.n) {
		size_t n = archives_record("jsonl", contents);
		const char *process = memmem(contents.p, n, "\"process\":", 10);

		if (process &&
		    memmem(process, n - (size_t)(process - contents.p), want, strlen(want)))
			bits |= 1u << line / records;
		line++;
		contents = (struct bytes){contents.p + n, contents.n - n};
	}
	return bits;
}

static void test_frames(void **state)
{
	static const char *const comms[] = {"sh", "grep", "setpriv", "true", "nobody"};
	struct bytes contents = archives_load("samples/golden/exec.jsonl");
	const struct index_frame *frames;
	uint64_t events = 0, last = 0;
	struct err err = {""};
	struct index *x;
	size_t n;

	put_archive("i.jsonl.zst", "jsonl", contents, 4);
	assert_int_equal(reindex_file(folder, "i.jsonl.zst", "i.jsonl.zst.idx", &err), 0);
	x = index_of("i.jsonl.zst.idx");
	n = index_frames(x, &frames);
	assert_int_equal(n, 6);
	for (size_t i = 0; i < n; i++) {
		assert_false(frames[i].any);
		assert_true(frames[i].first_ns >= last);
		last = frames[i].first_ns;
		events += frames[i].events;
	}
	assert_int_equal(events, 23);
	for (unsigned i = 0; i < sizeof(comms) / sizeof(comms[0]); i++)
		assert_int_equal(frames_with(x, comms[i]), frames_grep(contents, 4, comms[i]));
	index_free(x);
	free((char *)contents.p);
}

/* What cannot be read back may be anywhere. */
static void test_not_read_back(void **state)
{
	struct bytes contents = archives_load("samples/golden/exec.txt");
	struct err err = {""};
	struct index *x;

	put_archive("i.txt.zst", "text", contents, 10);
	assert_int_equal(reindex_file(folder, "i.txt.zst", "i.txt.zst.idx", &err), 0);
	x = index_of("i.txt.zst.idx");
	assert_int_equal(frames_with(x, "nobody"), 7);
	index_free(x);
	free((char *)contents.p);
}

static void test_none(void **state)
{
	struct bytes contents = archives_load("samples/golden/exec.jsonl");
	struct bytes rows = archives_load("samples/golden/exec.pcapng");
	struct err err = {""};

	put_archive("n.pcapng.zst", "pcapng", rows, 1);
	temp_file("n.jsonl", contents.p, contents.n);
	assert_int_equal(reindex_file(folder, "n.jsonl", "n.jsonl.idx", &err), 1);
	assert_int_equal(reindex_file(folder, "n.pcapng.zst", "n.pcapng.zst.idx", &err), 1);
	assert_int_equal(reindex_file(folder, "none.zst", "none.zst.idx", &err), -ENOENT);
	assert_int_equal(access(temp_name("n.jsonl.idx"), F_OK), -1);
	free((char *)contents.p);
	free((char *)rows.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_not_read_back),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
