/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/*
 * What a writer that died left behind, made whole: the torn tail is cut behind the last whole
 * record, a LOSS event says so, and what belongs to the end of the file is written.
 *
 * The mended file is written beside the other one, brought to the disk, and takes its name at once:
 * killed at any moment, the next call does the same again, and nothing that was whole is ever lost.
 * Reads no clock: the same file gives the same bytes.
 */
#include "capture/base/err.h"

/*
 * Mends the file `name` in the folder of that descriptor, which its caller has to itself. Whole
 * already: 0, and nothing is changed. A file without any whole record holds nothing: it is removed.
 * Negative, with text: it is as it was.
 *   -EBADMSG  damaged elsewhere than at its end, or none of ours
 */
int recover_file(int folder, const char *name, struct err *err);
/* The same where what was torn will come again: nothing is lost, and no report says so. */
int recover_resumed(int folder, const char *name, struct err *err);
