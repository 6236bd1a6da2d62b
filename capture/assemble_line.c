/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command in a shell: lines that are typed one after the other, each of which may be expanded
 * afterwards, and the status with which it ends. */
#include <string.h>

#include "capture/assemble_inside.h"

static void line_append(struct assemble *a, struct item *it, struct bytes text)
{
	if (!it->in_expanded)
		textbuf_append(assemble_texts(a), &it->text, text);
	if (it->in_expanded || it->more.n)
		textbuf_append(assemble_texts(a), &it->more, text);
}

/* zsh keeps a NUL, and bytes that are tokens to it, as META and the byte with one bit changed. */
static void line_append_zsh(struct assemble *a, struct item *it, struct bytes text)
{
	enum {
		META = 0x83,
		CHANGED = 0x20
	};

	while (text.n) {
		const char *meta = memchr(text.p, META, text.n);
		size_t n = meta ? (size_t)(meta - text.p) : text.n;
		char byte = (char)(text.p[0] ^ CHANGED);

		if (it->escaped) {
			line_append(a, it, (struct bytes){&byte, 1});
			it->escaped = false;
			n = 1;
		} else {
			line_append(a, it, (struct bytes){text.p, n});
			it->escaped = meta;
			n += meta ? 1 : 0;
		}
		text = (struct bytes){text.p + n, text.n - n};
	}
}

static bool line_is_zsh(const struct item *it)
{
	return !strcmp(it->ev.line.shell, "zsh");
}

static void line_add(struct assemble *a, struct item *it, struct bytes text)
{
	if (line_is_zsh(it))
		line_append_zsh(a, it, text);
	else
		line_append(a, it, text);
}

/* A further line, or the expansion of the present one or of all: where its bytes go. Lines of zsh
 * have their end with them. */
static void line_turn(struct assemble *a, struct item *it, const struct part *part)
{
	it->escaped = false;
	it->in_expanded = part->expanded || part->whole;
	if (part->continues) {
		if (!line_is_zsh(it))
			line_append(a, it, BYTES("\n"));
		it->line = it->text.n;
		it->expanded_line = it->more.n;
	} else if (part->whole) {
		it->more.n = it->expanded_line = 0;
	} else if (!it->more.n) {
		textbuf_append(assemble_texts(a), &it->more, (struct bytes){it->text.p, it->line});
		it->expanded_line = it->more.n;
	} else {
		it->more.n = it->expanded_line;
	}
}

static void line_end(struct item *it, const struct part *part)
{
	it->ev.line.status = part->ev.line.status;
	it->ev.line.has_status = part->ev.line.has_status;
}

/* `exit 3`, or what the shell was replaced by. */
static bool line_left(struct item *it, int status)
{
	it->ev.line.status = status;
	it->ev.line.has_status = true;
	return true;
}

static struct bytes line_without_end(struct bytes text)
{
	return text.n && text.p[text.n - 1] == '\n' ? (struct bytes){text.p, text.n - 1} : text;
}

static void line_emit(struct assemble *a, struct item *it, struct event *ev, uint64_t time_ns)
{
	struct bytes expanded = item_bytes(&it->more);

	ev->line.text = item_bytes(&it->text);
	if (line_is_zsh(it)) {
		ev->line.text = line_without_end(ev->line.text);
		expanded = line_without_end(expanded);
	}
	if (!bytes_eq(expanded, ev->line.text))
		ev->line.expanded = expanded;
	/* what is typed runs when its last line is there; a file runs while it is read */
	ev->line.start_boot_ns = ev->line.script ? it->begun_ns : it->touched_ns;
	if (!(ev->flags & EVENT_F_UNFINISHED) && time_ns > ev->line.start_boot_ns)
		ev->line.duration_ns = time_ns - ev->line.start_boot_ns;
}

const struct assemble_rule assemble_line = {
	.turn = line_turn,
	.add = line_add,
	.end = line_end,
	.left = line_left,
	.emit = line_emit,
};
