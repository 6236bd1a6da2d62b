/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as the sidecar of an archive. The checksum is made right, or nothing else would ever
 * be looked at. */
#include <stdlib.h>
#include <string.h>

#include "capture/base/crc32c.h"
#include "capture/index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool any_text(struct bytes text, void *arg)
{
	return text.n % 2;
}

static void look_up(struct index *x, uint8_t *frames)
{
	static const char values[4][16] = {{0}, {1, 2, 3, 4}, {(char)0xff}, {32, 1, 13, (char)184}};
	static const size_t sizes[KEY_TYPES] = {[KEY_PID] = 4,  [KEY_UID] = 4,  [KEY_COMM] = 3,
						[KEY_EXE] = 16, [KEY_PORT] = 2, [KEY_CONN] = 8};

	for (unsigned i = 0; i < 4; i++) {
		for (enum key_type type = KEY_PID; type < KEY_TYPES; type++)
			index_mark(x, type, (struct bytes){values[i], sizes[type]}, frames);
		index_mark_network(x, (struct bytes){values[i], 4}, 9 * i, frames);
		index_mark_network(x, (struct bytes){values[i], 16}, 40 * i, frames);
	}
	index_mark_texts(x, KEY_EXE, any_text, NULL, frames);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct index_frame *f;
	uint8_t *copy, *frames;
	struct index *x;
	uint32_t crc;

	if (n < 12)
		return 0;
	copy = malloc(n);
	memcpy(copy, data, n);
	crc = crc32c(0, copy, n - 4);
	for (unsigned i = 0; i < 4; i++)
		copy[n - 4 + i] = (uint8_t)(crc >> 8 * i);
	if (!index_read((struct bytes){(char *)copy, n}, &x, NULL)) {
		n = index_frames(x, &f);
		frames = calloc(n + 1, 1);
		look_up(x, frames);
		for (size_t i = 0; i < n; i++)
			if (f[i].offset + f[i].size > index_archive_size(x) || frames[i] > 1)
				abort();
		if (frames[n])
			abort();
		free(frames);
		index_free(x);
	}
	free(copy);
	return 0;
}
