/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* Files that take the place of others: copied, on the disk, under a name that stays. */
#include <stdint.h>
#include <sys/stat.h>

#include "capture/base/err.h"

/* Copies the first n bytes of one file to the beginning of another, which then stands behind them.
 */
int files_copy(int from, int to, uint64_t n, struct err *err);
/* Gives the file mode and owner of the one that st is of, and waits until it is on the disk. */
int files_settle(int fd, const struct stat *st, struct err *err);
/* Names in the folder, which may be an O_PATH descriptor, survive a failure of power. */
int files_settle_folder(int folder, struct err *err);
