/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "capture/collect/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_make(const char *path, size_t from, const struct user *user, struct err *err)
{
	const char *slash = strchr(path + from, '/');
	char folder[PATH_MAX];

	for (; slash; slash = strchr(slash + 1, '/')) {
		if ((size_t)(slash - path) >= sizeof(folder))
			return errf(err, -ENAMETOOLONG, "%s: the path is too long", path);
		snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
		if (mkdir(folder, 0700) < 0) {
			if (errno != EEXIST)
				return errf(err, -errno, "folder '%s': %s", folder,
					    strerror(errno));
		} else if (user->set && lchown(folder, user->uid, user->gid) < 0) {
			return errf(err, -errno, "owner of '%s': %s", folder, strerror(errno));
		}
	}
	return 0;
}

int folder_check(const char *path, size_t from, struct err *err)
{
	const char *slash = memrchr(path, '/', from);
	char folder[PATH_MAX];
	struct stat st;

	if (snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash + 1 - path) : 1,
		     slash ? path : ".") >= (int)sizeof(folder))
		return errf(err, -ENAMETOOLONG, "%s: the path is too long", path);
	if (stat(folder, &st) < 0)
		return errf(err, -errno, "cannot write '%s': folder '%s': %s", path, folder,
			    strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return errf(err, -ENOTDIR, "cannot write '%s': '%s' is no folder", path, folder);
	return 0;
}

int folder_open(const char *path, int *ret_folder, char ret_state[NAME_MAX + 1], struct err *err)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	char folder[PATH_MAX];
	int fd;

	if (snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(base - path) : 1,
		     slash ? path : ".") >= (int)sizeof(folder) ||
	    snprintf(ret_state, NAME_MAX + 1, "%s%s.streams", *base == '.' ? "" : ".", base) >
		    NAME_MAX - 4)
		return errf(err, -ENAMETOOLONG, "%s: the name is too long", path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errf(err, -errno, "cannot write '%s': folder '%s': %s", path, folder,
			    strerror(errno));
	*ret_folder = fd;
	return 0;
}
