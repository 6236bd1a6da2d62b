/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "capture/encoder.h"

#define ENCODER(name) extern const struct encoder_ops encoder_##name;
#include "encoders/encoders.def"
#undef ENCODER

const struct encoder_ops *const encoder_registry[] = {
#define ENCODER(name) &encoder_##name,
#include "encoders/encoders.def"
#undef ENCODER
	NULL};

const struct encoder_ops *encoder_by_name(const char *name)
{
	for (const struct encoder_ops *const *e = encoder_registry; *e; e++)
		if (!strcmp((*e)->name, name))
			return *e;
	return NULL;
}

const struct encoder_ops *encoder_by_file(const char *path)
{
	const struct encoder_ops *best = NULL;
	size_t best_n = 0, n = strlen(path);

	for (const struct encoder_ops *const *e = encoder_registry; *e; e++) {
		size_t ext = (*e)->extension ? strlen((*e)->extension) : 0;

		if (ext > best_n && n > ext + 1 && path[n - ext - 1] == '.' &&
		    !strcmp(path + n - ext, (*e)->extension)) {
			best = *e;
			best_n = ext;
		}
	}
	return best;
}
