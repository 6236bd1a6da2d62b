/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* The sidecar index of an archive, made again from what is in it. */
#include "capture/base/err.h"

/*
 * Writes, as `index` in the folder of that descriptor, the index of the archive `name` in it; what
 * had that name is replaced at once. 1: it is no archive of frames, and has none. Of formats that
 * are not read back as events (text, raw) every frame may hold anything. Negative with text.
 */
int reindex_file(int folder, const char *name, const char *index, struct err *err);
