/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A command in a shell: lines that are typed one after the other, each of which may be expanded
 * afterwards, and the status with which it ends. */
#include "capture/assemble_inside.h"

static void line_add(struct assemble *a, struct item *it, struct bytes text)
{
	if (!it->in_expanded)
		textbuf_append(assemble_texts(a), &it->text, text);
	if (it->in_expanded || it->more.n)
		textbuf_append(assemble_texts(a), &it->more, text);
}

/* A further line, or the expansion of the present one: where its bytes go. */
static void line_turn(struct assemble *a, struct item *it, const struct part *part)
{
	it->in_expanded = part->expanded;
	if (part->continues) {
		line_add(a, it, BYTES("\n"));
		it->line = it->text.n;
		it->expanded_line = it->more.n;
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

static void line_emit(struct assemble *a, struct item *it, struct event *ev, uint64_t time_ns)
{
	ev->line.text = item_bytes(&it->text);
	if (!bytes_eq(item_bytes(&it->more), ev->line.text))
		ev->line.expanded = item_bytes(&it->more);
	ev->line.start_boot_ns = it->touched_ns;
	if (!(ev->flags & EVENT_F_UNFINISHED) && time_ns > it->touched_ns)
		ev->line.duration_ns = time_ns - it->touched_ns;
}

const struct assemble_rule assemble_line = {
	.turn = line_turn,
	.add = line_add,
	.end = line_end,
	.left = line_left,
	.emit = line_emit,
};
