/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The shared libraries that the loader would find, by its cache. What most programs will map is
 * known before any does: so the first one that does has all its calls seen.
 */

/* 0, or negative to stop. path is borrowed for the call. */
typedef int (*libraries_fn)(const char *path, void *arg);

#define LIBRARIES_CACHE "/etc/ld.so.cache"

/* Every library in the cache (as glibc writes it, since 2.2) whose file name starts with `name`. A
 * file that is missing or no such cache has none. Returns what fn returned when that is negative.
 */
int libraries_find(const char *cache, const char *name, libraries_fn fn, void *arg);
