/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * How one DATA event is written for people: rows that name the process and the connection, and
 * below them lines that stand further to the right, so that nothing a target sends can pass for a
 * row or a note of ours.
 *
 *   13:08:00.123    1234 curl            127.0.0.1:43210 -> 127.0.0.1:443  GET / HTTP/1.1    row
 *           Host: localhost                                                                  line
 *       [... 12 bytes more]                                                                  note
 */
#include "capture/base/textbuf.h"
#include "encoders/view/budget.h"
#include "encoders/write/show.h"

enum {
	VIEW_HEX = 256, /* bytes of binary content that are worth a look */
};

struct view {
	struct put w;
	struct bytes head; /* time, pid and name of this event, as columns */
	const struct event *ev;
	const void *open; /* whose lines w ends with: what belongs to it needs no row */
	uint64_t limit;   /* bytes of content that are shown of one message */
	bool colour;
	bool receives; /* the direction of what is shown; index of a connection's sides */
	struct textbuf_pool *pool; /* for what must wait for its rest */
	struct budget *budget;     /* for decoders that live on */
	char *scratch;             /* limit bytes for what is decoded */
};

/* A row up to its text; view_end() ends it. Lines that follow belong to owner (NULL = nobody). */
void view_row(struct view *v, const void *owner);
void view_line(struct view *v);
/* A line of its own for a header field. */
void view_field(struct view *v, struct bytes name, struct bytes value);
void view_end(struct view *v);
void view_note(struct view *v);
void view_note_end(struct view *v);
void view_paint(struct view *v, const char *colour);
/* "N bytes" */
void view_size(struct view *v, uint64_t n);

/* Is that text, perhaps cut within a character at either end? */
bool view_is_text(struct bytes data);
/* Content as lines: all of it as text, or its first VIEW_HEX bytes in hex; returns how much was
 * shown. */
size_t view_content(struct view *v, struct bytes data, bool text);
/* A whole event of which nothing is known but its bytes: what = a word for them. */
void view_dump(struct view *v, const char *what, struct bytes data);
/* A whole one that waits for its rest, which may never come: what = a word for it. */
void view_unfinished(struct view *v, const char *what, struct bytes data);
/* A row that says how much was lost. */
void view_missing(struct view *v, uint64_t n);

/* What cannot be read, until something can again: shown as it is up to the limit, then counted. */
struct view_lost {
	uint64_t room, unseen;
};

void view_lost_begin(struct view *v, struct view_lost *lost);
void view_lost_data(struct view *v, struct view_lost *lost, struct bytes data);
void view_lost_end(struct view *v, struct view_lost *lost);
