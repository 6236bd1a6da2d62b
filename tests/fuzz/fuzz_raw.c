/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a raw recording on disk: every record handed on lies whole in the file, and what is
 * neither handed on nor refused is counted as torn. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/archive/raw.h"
#include "capture/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint64_t sum;

/* Touches every byte of the record: the sanitizer sees whether it is ours. */
static int take(const struct rec *rec, void *arg)
{
	uint64_t *left = arg;

	if (!layout_valid(rec, rec->len) || rec->len > *left)
		abort();
	*left -= rec->len;
	for (uint32_t i = 0; i < rec->len; i++)
		sum += ((const uint8_t *)rec)[i];
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	int fd = memfd_create("raw", MFD_CLOEXEC);
	uint64_t left = n, torn;
	struct stream *stream;
	struct source source;
	struct err err;
	int r = SOURCE_MORE;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	if (stream_open_fd(fd, "fuzz", &stream, &err))
		return 0;
	if (stream_is_zstd(stream))
		left = UINT64_MAX; /* of its contents we know nothing */
	if (raw_source_open(stream, &source, &err)) {
		stream_close(stream);
		return 0;
	}
	while (r == SOURCE_MORE)
		r = source.ops->read(source.ctx, 64, take, &left, &err);
	if (r == SOURCE_END && raw_source_torn(&source, &torn) && torn > left)
		abort();
	source.ops->close(source.ctx);
	return 0;
}
