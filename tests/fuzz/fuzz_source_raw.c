/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a raw recording on disk: every record handed on lies whole in the file, and what is
 * neither handed on nor refused is counted as torn. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/layout.h"
#include "capture/source/raw.h"

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
	uint64_t left = n;
	struct source source;
	struct err err;
	char path[64];
	int r = SOURCE_MORE;

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (source_raw_open(path, &source, &err) == 0) {
		while (r == SOURCE_MORE)
			r = source.ops->read(source.ctx, 64, take, &left, &err);
		if (r == SOURCE_END && source_raw_torn(&source) > left)
			abort();
		source.ops->close(source.ctx);
	}
	close(fd);
	return 0;
}
