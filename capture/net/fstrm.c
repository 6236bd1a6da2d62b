/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/net/fstrm.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	WORD = 4,             /* all numbers are big endian and have 32 bits */
	HEAD = 2 * WORD,      /* of a control frame: the escape, and the length of the rest */
	FIELD_TYPE = 1,       /* the only field of control frames: a content type */
	FIELD_TYPE_MAX = 256, /* most bytes of one */
};

static uint32_t word_get(struct bytes in, size_t at)
{
	const uint8_t *p = (const uint8_t *)in.p + at;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint8_t *word_put(uint8_t *p, uint32_t v)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		*p++ = (uint8_t)(v >> shift);
	return p;
}

/* How many content types such a frame may name. */
static unsigned control_types_max(enum fstrm_type type)
{
	if (type == FSTRM_READY || type == FSTRM_ACCEPT)
		return UINT32_MAX;
	return type == FSTRM_START ? 1 : 0;
}

/* The rest of a control frame, from its type on. */
static int control_parse(struct bytes in, struct fstrm_frame *ret)
{
	struct fstrm_frame f = {.types_n = 0};
	uint32_t type = word_get(in, 0);
	unsigned fields = 0;

	if (type < FSTRM_ACCEPT || type > FSTRM_FINISH)
		return -EPROTO;
	f.type = (enum fstrm_type)type;
	for (size_t at = WORD; at < in.n; fields++) {
		size_t n;

		if (in.n - at < HEAD || word_get(in, at) != FIELD_TYPE)
			return -EBADMSG;
		n = word_get(in, at + WORD);
		at += HEAD;
		if (n > FIELD_TYPE_MAX || n > in.n - at || fields >= control_types_max(f.type))
			return -EBADMSG;
		if (f.types_n < FSTRM_TYPES)
			f.types[f.types_n++] = (struct bytes){in.p + at, n};
		at += n;
	}
	*ret = f;
	return 0;
}

int fstrm_parse(struct bytes in, struct fstrm_frame *ret, size_t *ret_n)
{
	bool control;
	size_t head, n;

	*ret_n = WORD;
	if (in.n < WORD)
		return -EAGAIN;
	control = word_get(in, 0) == 0;
	head = control ? HEAD : WORD;
	*ret_n = head;
	if (in.n < head)
		return -EAGAIN;
	n = word_get(in, head - WORD);
	if (n > (control ? FSTRM_CONTROL_MAX : FSTRM_FRAME_MAX))
		return -EMSGSIZE;
	if (control && n < WORD)
		return -EBADMSG;
	*ret_n = head + n;
	if (in.n < head + n)
		return -EAGAIN;
	if (control)
		return control_parse((struct bytes){in.p + head, n}, ret);
	*ret = (struct fstrm_frame){.type = FSTRM_DATA, .data = {in.p + head, n}};
	return 0;
}

size_t fstrm_control(enum fstrm_type type, const char *const *types, unsigned n,
		     uint8_t ret[FSTRM_CONTROL_MAX])
{
	uint8_t *p = word_put(ret + HEAD, type);

	assert(type != FSTRM_DATA);
	for (unsigned i = 0; i < n; i++) {
		size_t size = strlen(types[i]);

		assert(size <= FIELD_TYPE_MAX &&
		       size + HEAD <= (size_t)(ret + FSTRM_CONTROL_MAX - p));
		p = word_put(word_put(p, FIELD_TYPE), (uint32_t)size);
		memcpy(p, types[i], size);
		p += size;
	}
	word_put(word_put(ret, 0), (uint32_t)(p - ret - HEAD));
	return (size_t)(p - ret);
}
