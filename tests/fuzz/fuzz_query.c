/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A time (the first line) and a sidecar index (the rest; its checksum is made right): whatever they
 * say, a query clears frames or leaves them, and stays within them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "capture/archive/query.h"
#include "capture/archive/when.h"
#include "capture/base/crc32c.h"
#include "capture/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct query *queries[12];

static void make_queries(void)
{
	static const char *values[] = {"2848", "sh*", "grep",     "0",          "127.0.0.0/8",
				       "::/3", "443", "a3219484", "exec+shell", "00"};
	static struct query_texts texts[] = {
		{.pid = {&values[0], 1}},       {.comm = {&values[1], 1}},
		{.exe = {&values[2], 1}},       {.uid = {&values[3], 1}},
		{.addr = {&values[4], 1}},      {.addr = {&values[5], 1}},
		{.port = {&values[6], 1}},      {.conn = {&values[7], 1}},
		{.kind = {&values[8], 1}},      {.from = "-1d"},
		{.container = {&values[9], 1}}, {.to = "@7"},
	};
	struct err err;

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
		if (query_new(&texts[i], 1795532753000000000ull, &queries[i], &err) < 0)
			abort();
}

static void prune_by_all(struct index *x)
{
	const struct index_frame *f;
	size_t n = index_frames(x, &f);
	uint8_t *frames = malloc(n + 1);

	if (!frames)
		abort();
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		memset(frames, 1, n);
		frames[n] = 0x5a;
		if (query_prune(queries[i], x, frames) < 0 || frames[n] != 0x5a)
			abort();
		for (size_t k = 0; k < n; k++)
			if (frames[k] > 1)
				abort();
	}
	free(frames);
}

static void read_time(const uint8_t *data, size_t n)
{
	char text[256];
	uint64_t ns = 7;
	struct err err = {""};

	if (n >= sizeof(text))
		return;
	memcpy(text, data, n);
	text[n] = '\0';
	if (when_parse(text, n & 1, 1795532753000000000ull, "--from", &ns, &err) < 0 &&
	    (ns != 7 || !err.text[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const uint8_t *line = memchr(data, '\n', n);
	struct index *x;
	struct err err;
	uint8_t *blob;
	uint32_t crc;

	if (!queries[0])
		make_queries();
	if (!line)
		return 0;
	read_time(data, (size_t)(line - data));
	n -= (size_t)(line - data) + 1;
	if (n < 4)
		return 0;
	blob = malloc(n);
	if (!blob)
		abort();
	memcpy(blob, line + 1, n);
	crc = crc32c(0, blob, n - 4);
	for (unsigned i = 0; i < 4; i++)
		blob[n - 4 + i] = (uint8_t)(crc >> 8 * i);
	if (index_read((struct bytes){(const char *)blob, n}, &x, &err) == 0) {
		prune_by_all(x);
		index_free(x);
	}
	free(blob);
	return 0;
}
