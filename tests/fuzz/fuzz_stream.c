/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a file on disk, compressed or not: what is given stays within what was asked for,
 * also from any other place on. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/archive/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	CONTENTS_MOST = 4 * 1024 * 1024, /* of a bomb */
	SEEKS = 16
};

static uint64_t sum;

/* Reads on, a little at a time or much. */
static void read_some(struct stream *s, uint64_t most)
{
	static const size_t wants[] = {0, 1, 16, 5000, 300000, 0, 2000000};
	struct bytes b = {0};
	uint64_t n = 0;
	struct err err;

	for (unsigned i = 0; n < most; i++) {
		size_t want = wants[i % (sizeof(wants) / sizeof(wants[0]))], take;

		if (stream_peek(s, want, &b, &err))
			return;
		if (b.n > 2 * STREAM_WANT)
			abort();
		if (!b.n)
			return;
		take = b.n / (i % 3 + 1);
		take = take ? take : 1;
		sum += (uint8_t)b.p[0] + (uint8_t)b.p[b.n - 1];
		stream_take(s, take);
		n += take;
		if (stream_at(s) < n)
			abort();
	}
}

/* Wherever somebody says that a frame begins. */
static void read_elsewhere(struct stream *s, const uint8_t *data, size_t n)
{
	struct err err;

	for (size_t i = 0; i + 1 < n && i < 2 * SEEKS; i += 2)
		if (stream_seek(s, n * data[i] / 256, n * data[i + 1] / 256, &err) == 0)
			read_some(s, CONTENTS_MOST / SEEKS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);
	struct stream *s;
	struct err err;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	if (stream_open_fd(fd, "fuzz", &s, &err))
		return 0;
	read_some(s, CONTENTS_MOST);
	read_elsewhere(s, data, n);
	stream_close(s);
	return 0;
}
