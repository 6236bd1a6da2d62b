/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The files of a search, in the order of time in which they begin. */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/err.h"

struct search_file {
	char *path;
	uint64_t begin_ns; /* Unix time of its first event; of a raw one that of its last change */
	uint64_t size;
	bool found; /* in a folder: nobody said that it is a recording that can be searched */
};

struct search_files {
	struct search_file *v;
	unsigned n, cap;
	uint64_t size; /* of all */
};

/* Files as they are given, and what is named as recordings are in folders and below. */
int search_files_find(char **paths, unsigned n, struct search_files *ret, struct err *err);
void search_files_done(struct search_files *f);
/* Can it be read only once (standard input, a FIFO)? */
bool search_files_once(const char *path);
