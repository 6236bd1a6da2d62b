/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/run/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/base/parse.h"

static void take_passwd(const struct passwd *pw, struct user *ret)
{
	ret->set = true;
	ret->uid = pw->pw_uid;
	ret->gid = pw->pw_gid;
	snprintf(ret->name, sizeof(ret->name), "%s", pw->pw_name);
	snprintf(ret->home, sizeof(ret->home), "%s", pw->pw_dir);
}

/* An id without an account has groups and home of nobody. */
static void take_number(uint32_t uid, struct user *ret)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw) {
		take_passwd(pw, ret);
		return;
	}
	*ret = (struct user){.set = true, .uid = uid, .gid = uid, .home = "/"};
	snprintf(ret->name, sizeof(ret->name), "%u", uid);
}

/* sudo tells who called it; believed only when we really are root, who may act for anybody. */
static void from_sudo(struct user *ret)
{
	const char *uid_text = getenv("SUDO_UID"), *gid_text = getenv("SUDO_GID");
	uint32_t uid, gid;

	if (geteuid() != 0 || !uid_text || parse_u32(uid_text, &uid) < 0 || uid == (uid_t)-1)
		return;
	take_number(uid, ret);
	if (gid_text && parse_u32(gid_text, &gid) == 0 && gid != (gid_t)-1)
		ret->gid = gid;
}

int user_find(const char *name, struct user *ret, struct err *err)
{
	struct user user = {.set = false};
	const struct passwd *pw;
	uint32_t uid;

	if (!name) {
		from_sudo(&user);
		*ret = user;
		return 0;
	}
	pw = getpwnam(name);
	if (pw)
		take_passwd(pw, &user);
	else if (parse_u32(name, &uid) == 0 && uid != (uid_t)-1)
		take_number(uid, &user);
	else
		return errf(err, -EINVAL, "--user: there is no user '%s'", name);
	if (geteuid() != 0 && user.uid != geteuid())
		return errf(err, -EPERM, "--user: only root can act for '%s'", name);
	*ret = user;
	return 0;
}

int user_become(const struct user *user)
{
	if (geteuid() == 0 && initgroups(user->name, user->gid) < 0)
		return -errno;
	if (setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	if (setenv("HOME", user->home, 1) < 0 || setenv("USER", user->name, 1) < 0 ||
	    setenv("LOGNAME", user->name, 1) < 0)
		return -errno;
	return 0;
}
