/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Folders of outputs, and what lies beside them. */
#include <limits.h>

#include "capture/run/user.h"

/* Makes the folders in which the file at path is to lie, but those whose names end before byte
 * `from` of it, which are there. They are 0700, and the user's. */
int folder_make(const char *path, size_t from, const struct user *user, struct err *err);
/* Is the folder there in which the rest of the path, from that byte on, is to be made? */
int folder_check(const char *path, size_t from, struct err *err);
/* The folder of that file, open, and the name of a file of positions beside it. */
int folder_open(const char *path, int *ret_folder, char ret_state[NAME_MAX + 1], struct err *err);
