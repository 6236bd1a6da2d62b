/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "encoders/view/view.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "capture/base/utf8.h"
#include "encoders/view/hex.h"

enum {
	INDENT_NOTE = 4,
	INDENT_LINE = 8,
	TAB = 8,
};

void view_paint(struct view *v, const char *colour)
{
	if (v->colour)
		show_mem(&v->w, colour, strlen(colour));
}

static void view_address(struct view *v, const uint8_t *raw, uint16_t port)
{
	char text[INET6_ADDRSTRLEN] = "?";
	bool six = v->ev->flow->family == AF_INET6;

	inet_ntop(v->ev->flow->family, raw, text, sizeof(text));
	if (six)
		SHOW(&v->w, "[");
	show_mem(&v->w, text, strlen(text));
	if (six)
		SHOW(&v->w, "]");
	SHOW(&v->w, ":");
	show_number(&v->w, port);
}

void view_row(struct view *v, const void *owner)
{
	const struct flow *f = v->ev->flow;

	v->open = owner;
	show_mem(&v->w, v->head.p, v->head.n);
	view_paint(v, SHOW_DIM);
	if (f->family) {
		view_address(v, f->local, f->local_port);
	} else {
		SHOW(&v->w, "unknown flow ");
		show_number(&v->w, f->id);
	}
	if (v->receives)
		SHOW(&v->w, " <-");
	else
		SHOW(&v->w, " ->");
	if (f->family) {
		SHOW(&v->w, " ");
		view_address(v, f->remote, f->remote_port);
	}
	view_paint(v, SHOW_PLAIN);
	SHOW(&v->w, "  ");
}

void view_line(struct view *v)
{
	show_blanks(&v->w, INDENT_LINE);
}

void view_field(struct view *v, struct bytes name, struct bytes value)
{
	view_line(v);
	show_bytes(&v->w, name);
	SHOW(&v->w, ": ");
	show_bytes(&v->w, value);
	view_end(v);
}

void view_end(struct view *v)
{
	SHOW(&v->w, "\n");
}

void view_note(struct view *v)
{
	show_blanks(&v->w, INDENT_NOTE);
	view_paint(v, SHOW_DIM);
	SHOW(&v->w, "[");
}

void view_note_end(struct view *v)
{
	SHOW(&v->w, "]");
	view_paint(v, SHOW_PLAIN);
	view_end(v);
}

void view_size(struct view *v, uint64_t n)
{
	show_number(&v->w, n);
	if (n == 1)
		SHOW(&v->w, " byte");
	else
		SHOW(&v->w, " bytes");
}

static size_t continuation_bytes(struct bytes data)
{
	size_t n = 0;

	while (n < data.n && n < 3 && ((uint8_t)data.p[n] & 0xc0) == 0x80)
		n++;
	return n;
}

bool view_is_text(struct bytes data)
{
	size_t i = continuation_bytes(data);

	for (unsigned len; i < data.n; i += len) {
		uint8_t c = data.p[i];

		len = utf8_char(data.p + i, data.n - i);
		if (!len) /* the last character may be cut off */
			return i && c >= 0xc2 && c < 0xf5 &&
			       i + 1 +
					       continuation_bytes((struct bytes){data.p + i + 1,
										 data.n - i - 1}) ==
				       data.n;
		if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f)
			return false;
	}
	return data.n;
}

static struct bytes next_line(struct bytes *text)
{
	const char *end = memchr(text->p, '\n', text->n);
	size_t n = end ? (size_t)(end - text->p) : text->n;
	struct bytes line = {text->p, n};

	n += end != NULL;
	*text = (struct bytes){text->p + n, text->n - n};
	if (end && line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* Tabs become blanks: indented text stays readable, and no control character passes. */
static void text_line(struct view *v, struct bytes line)
{
	const uint8_t *start = v->w.p;

	for (size_t i = 0; i < line.n && !v->w.full;) {
		if (line.p[i] == '\t') {
			show_blanks(&v->w, TAB - (v->w.p - start) % TAB);
			i++;
		} else {
			i += show_char(&v->w, (struct bytes){line.p + i, line.n - i});
		}
	}
}

size_t view_content(struct view *v, struct bytes data, bool text)
{
	size_t n = data.n;

	if (!text) {
		n = n < VIEW_HEX ? n : VIEW_HEX;
		hex_dump(&v->w, (struct bytes){data.p, n}, INDENT_LINE);
		return n;
	}
	while (data.n && !v->w.full) {
		view_line(v);
		text_line(v, next_line(&data));
		view_end(v);
	}
	return n;
}

/* "head, 123 bytes" */
static void view_title(struct view *v, const char *what, size_t n)
{
	show_mem(&v->w, what, strlen(what));
	SHOW(&v->w, ", ");
	view_size(v, n);
	view_end(v);
}

void view_dump(struct view *v, const char *what, struct bytes data)
{
	struct bytes shown = data, rest = data, first;
	bool text;

	if (shown.n > v->limit)
		shown = (struct bytes){data.p, v->limit};
	text = view_is_text(shown);
	first = rest.n ? next_line(&rest) : rest;
	view_row(v, NULL);
	if (text && !rest.n && shown.n == data.n) {
		text_line(v, first);
		view_end(v);
		return;
	}
	view_title(v, what, data.n);
	if (text)
		view_content(v, shown, true);
	else
		hex_dump(&v->w, shown, INDENT_LINE);
	if (shown.n < data.n) {
		view_note(v);
		SHOW(&v->w, "... ");
		view_size(v, data.n - shown.n);
		SHOW(&v->w, " more");
		view_note_end(v);
	}
}

void view_unfinished(struct view *v, const char *what, struct bytes data)
{
	view_row(v, NULL);
	view_title(v, what, data.n);
	view_content(v, data, view_is_text(data));
	view_note(v);
	SHOW(&v->w, "unfinished");
	view_note_end(v);
}

void view_missing(struct view *v, uint64_t n)
{
	view_row(v, NULL);
	view_paint(v, SHOW_RED);
	view_size(v, n);
	SHOW(&v->w, " missing here");
	view_paint(v, SHOW_PLAIN);
	view_end(v);
}

void view_lost_begin(struct view *v, struct view_lost *lost)
{
	*lost = (struct view_lost){.room = v->limit};
}

void view_lost_data(struct view *v, struct view_lost *lost, struct bytes data)
{
	size_t n = data.n < lost->room ? data.n : lost->room;

	if (n)
		view_dump(v, "within a message", (struct bytes){data.p, n});
	lost->room -= n;
	lost->unseen += data.n - n;
}

void view_lost_end(struct view *v, struct view_lost *lost)
{
	if (lost->unseen) {
		view_row(v, NULL);
		view_size(v, lost->unseen);
		SHOW(&v->w, " within a message are not shown");
		view_end(v);
	}
	lost->unseen = 0;
}
