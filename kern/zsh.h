/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
#pragma once
#include <linux/types.h>

/* Facts of one zsh binary: addresses as linked. */
struct zsh_params {
	__u64 preprompt, zleentry, hend, loop; /* where programs are attached */
	__u64 lastval;                         /* long: $? */
	__u64 chline, hptr;                    /* char *: the command as read so far, and its end */
	__u64 histdone;                        /* int: what the history did to it */
	__u64 sourcelevel;                     /* int: how many files, one read by the other */
};
