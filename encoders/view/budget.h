/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * A budget of memory for decoders that live as long as a connection: all of them together can never
 * be made to keep more than `max` bytes, whatever their peers send. For one thread.
 */
#include <stddef.h>

struct budget {
	size_t used, max; /* bytes */
};

/* Zeroed memory; NULL when the budget has no room for it. */
void *budget_alloc(struct budget *budget, size_t n);
void *budget_resize(struct budget *budget, void *p, size_t n);
void budget_free(struct budget *budget, void *p); /* p may be NULL */
