/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * Archives packed again, tighter, several into one: the same records in the same order, in larger
 * frames. What was written is read back from the disk and compared with what it was made of, byte
 * for byte, before it gets its name.
 */
#include <stdbool.h>
#include <stdint.h>

#include "capture/base/err.h"

struct repack_config {
	const char *const *in; /* names of n files, of one format */
	unsigned n;
	const char *out; /* ends in .zst; nothing has that name yet */
	int level;       /* 1 to 22 */
	bool wide;       /* frames of 64 MiB, repetitions looked for in all of it; else 4 MiB */
	bool remove;     /* in the end what was packed is removed, and its index */
};

struct repack_report {
	uint64_t in_size, size, raw_size; /* of all files in; of the file out and its contents */
	uint32_t frames;
};

/* Files come in order of time where their events tell it, else as they are given. -EEXIST: there is
 * something of that name; -EINVAL: they cannot be put together so. Everything that was there is
 * there in any case unless 0 is returned. */
int repack_files(const struct repack_config *cfg, struct repack_report *ret, struct err *err);
