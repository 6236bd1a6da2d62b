/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Which parts of an archive a search has to read, by the sidecar index. */
#include <stddef.h>
#include <stdint.h>

#include "capture/base/err.h"
#include "capture/index.h"

struct selection_part {
	uint64_t offset, size; /* in the file: whole frames */
};

struct selection {
	struct selection_part *parts;
	size_t n;
};

/* Clears in `frames` (a byte each) what need not be read. */
typedef int (*selection_fn)(struct index *x, uint8_t *frames, void *arg);

/*
 * Of the archive at path, whose index is <path>.idx. 0: *ret is what fn left, to be freed with
 * selection_done(). Negative: there is no index that can be believed, and err says why: it is
 * damaged, or that of another file (its size, its frames and their checksums are compared with the
 * archive).
 */
int selection_make(const char *path, selection_fn fn, void *arg, struct selection *ret,
		   struct err *err);
void selection_done(struct selection *s);
