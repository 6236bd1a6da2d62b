/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a coded body: what is decoded fits, and more room shows the same and more of it (of
 * a damaged one it may be less: where there is room for all, zstd decodes all or nothing). */
#include <stdlib.h>
#include <string.h>

#include "encoders/view/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What the fuzzer chooses of a body; its bytes follow. */
struct choice {
	uint8_t codings, first, second, third;
	uint16_t room;
};

static char *decoded(struct body_codings codings, struct bytes in, size_t room, size_t *ret_n,
		     enum body_state *ret_state)
{
	char *out = malloc(room ? room : 1); /* a sanitizer sees each byte too many */

	if (!out)
		abort();
	*ret_state = body_decode(codings, in, out, room, ret_n);
	if (*ret_n > room)
		abort();
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct choice c;
	struct body_codings codings;
	enum body_state state;
	struct bytes in;
	char *out, *more;
	size_t out_n, more_n;

	if (n < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	codings = (struct body_codings){
		c.codings % BODY_CODINGS,
		{c.first % BODY_UNKNOWN, c.second % BODY_UNKNOWN, c.third % BODY_UNKNOWN}};
	in = (struct bytes){(const char *)data + sizeof(c), n - sizeof(c)};
	out = decoded(codings, in, c.room, &out_n, &state);
	more = decoded(codings, in, c.room + 1000, &more_n, &state);
	if (codings.n <= 1 && state != BODY_DAMAGED && (more_n < out_n || memcmp(out, more, out_n)))
		abort();
	free(out);
	free(more);
	return 0;
}
