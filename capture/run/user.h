/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
/* For whom a run is: whose files it makes, and as whom COMMAND runs. */
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "capture/base/err.h"

struct user {
	bool set; /* false: nobody in particular, everything stays as it is */
	uid_t uid;
	gid_t gid;
	char name[64];
	char home[PATH_MAX];
};

/* name: of --user (or a number), NULL = who called sudo, if anybody did. -EINVAL there is no such
 * user, -EPERM we may not act for him. */
int user_find(const char *name, struct user *ret, struct err *err);
/* Becomes that user for good: groups, ids, HOME, USER, LOGNAME. 0 or negative errno. */
int user_become(const struct user *user);
