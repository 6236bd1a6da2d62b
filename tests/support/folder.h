/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* A temporary folder for a test, removed with all that is in it, even when an assertion failed: as
 * setup and teardown of a test or a group. One at a time. */

int folder_make(void **state);
int folder_remove(void **state);
/* The path of a name in the folder; valid until the next call but three. */
const char *folder_path(const char *name);
/* Makes a file that holds text, and that nobody else may read. */
void folder_write(const char *path, const char *text);
/* The file holds exactly text. */
void folder_expect(const char *path, const char *text);
