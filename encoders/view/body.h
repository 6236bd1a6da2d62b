/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The body of a message: its beginning is kept as it came, at most what is needed to show
 * view.limit bytes, and is decoded when it is shown. So a body that waits costs one piece of the
 * pool, and no decoder outlives a call.
 */
#include "encoders/view/view.h"

enum body_coding {
	BODY_GZIP, /* zlib finds out which of the two it is: names and contents get mixed up */
	BODY_DEFLATE,
	BODY_BR,
	BODY_ZSTD,
	BODY_UNKNOWN, /* the only one of its list, then */
};

enum {
	BODY_CODINGS = 4
};

struct body_codings { /* in the order in which they were applied; none = identity */
	uint8_t n;
	uint8_t v[BODY_CODINGS];
};

enum body_state {
	BODY_WHOLE, /* decoded to its end */
	BODY_MORE,  /* in is a beginning, or out is full */
	BODY_DAMAGED,
};

/* Decodes what fits of in's beginning into out (room bytes), *ret_n = how much. Uses at most 20 MiB
 * of memory (brotli's largest window is 16, zstd's is refused above 8), and none of it afterwards.
 */
enum body_state body_decode(struct body_codings codings, struct bytes in, void *out, size_t room,
			    size_t *ret_n);
/* How much of a coded body is worth keeping for that. */
size_t body_kept(struct body_codings codings, size_t room);

enum {
	BODY_TYPE = 40
};

struct body {               /* zeroed = none */
	const char *what;   /* "body of " */
	const char *label;  /* NUL-terminated, as long-lived as this: the message it belongs to */
	struct textbuf raw; /* its beginning */
	uint64_t total;     /* bytes so far, without those missing */
	uint64_t missing;
	uint64_t packed;     /* bytes that became `total` when they were unpacked as they came */
	const char *trouble; /* why it cannot be unpacked further */
	size_t shown;        /* bytes of decoded content that are on the screen */
	struct body_codings codings;
	bool text;   /* by its type */
	bool live;   /* shown as it comes: it may never end */
	bool fresh;  /* something came since it was shown */
	bool marked; /* as unfinished, since something came */
	uint8_t type_n;
	char type[BODY_TYPE];
};

/* Learns from a header field of the message. */
void body_header(struct body *b, struct bytes name, struct bytes value);
void body_add(struct body *b, struct view *v, struct bytes data);

enum body_end {
	BODY_GOES_ON,
	BODY_COMPLETE,
	BODY_UNFINISHED, /* nothing more is known of it; if more comes, that is shown, too */
};

/* Shows what there is to show now and was not shown before. What does not follow its head gets a
 * row of its own. */
void body_show(struct body *b, struct view *v, enum body_end end);
/* Gives its memory back; there is no body then. */
void body_done(struct body *b, struct textbuf_pool *pool);
