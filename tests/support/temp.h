/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * The files of a test program: all in one folder below $TMPDIR, which goes with what is in it when
 * the program ends, also after an assertion that failed.
 */
#include <stddef.h>

/* The folder, made when it is first asked for; others may enter it. */
const char *temp_folder(void);
/* The path of such a file in it, PATH_MAX at most. */
void temp_path(char *ret, const char *name);
/* Writes n bytes into that file; returns its path, which the next call overwrites. */
const char *temp_file(const char *name, const void *p, size_t n);
/* The path of such a file; valid until the next call but three. */
const char *temp_name(const char *name);
/* Makes a file that holds text, and that nobody else may read. */
void temp_write(const char *path, const char *text);
/* The file holds exactly text, of 255 bytes at most. */
void temp_expect(const char *path, const char *text);
