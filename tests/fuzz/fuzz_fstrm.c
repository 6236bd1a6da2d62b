/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what a peer of Frame Streams sends: each frame lies in them, and a control frame
 * that we would write in the same way is the same bytes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/net/fstrm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_inside(struct bytes in, struct bytes part)
{
	if (part.n && (part.p < in.p || part.n > (size_t)(in.p + in.n - part.p)))
		abort();
}

/* Written again it is the same, unless it has more types than we keep, or a NUL in one. */
static void check_again(const struct fstrm_frame *f, struct bytes frame)
{
	char text[FSTRM_TYPES][FSTRM_CONTROL_MAX];
	const char *types[FSTRM_TYPES];
	uint8_t again[FSTRM_CONTROL_MAX + 8];

	if (frame.n > FSTRM_CONTROL_MAX || f->types_n == FSTRM_TYPES)
		return;
	for (unsigned i = 0; i < f->types_n; i++) {
		if (memchr(f->types[i].p, 0, f->types[i].n))
			return;
		memcpy(text[i], f->types[i].p, f->types[i].n);
		text[i][f->types[i].n] = 0;
		types[i] = text[i];
	}
	if (fstrm_control(f->type, types, f->types_n, again) != frame.n ||
	    memcmp(again, frame.p, frame.n) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = {(const char *)data, size};

	while (in.n) {
		struct fstrm_frame f;
		size_t n = 0;
		int r = fstrm_parse(in, &f, &n);

		if (r == -EAGAIN && n <= in.n)
			abort();
		if (r)
			break;
		if (n > in.n || f.types_n > FSTRM_TYPES)
			abort();
		check_inside(in, f.data);
		for (unsigned i = 0; i < f.types_n; i++)
			check_inside(in, f.types[i]);
		if (f.type != FSTRM_DATA)
			check_again(&f, (struct bytes){in.p, n});
		in = (struct bytes){in.p + n, in.n - n};
	}
	return 0;
}
