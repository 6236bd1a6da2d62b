/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "capture/archive/reindex.h"
#include "capture/base/cleanup.h"
#include "capture/cli/commands.h"
#include "capture/index.h"

/* Beside the archive, under its name. */
static int index_one(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char folder[PATH_MAX], index[NAME_MAX + 8];
	CLEANUP_CLOSE int fd = -1;

	if (strlen(path) >= sizeof(folder) || strlen(name) > NAME_MAX)
		return errf(err, -ENAMETOOLONG, "%s: the name is too long", path);
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(name - path) : 1,
		 slash ? path : ".");
	snprintf(index, sizeof(index), "%s" INDEX_ENDING, name);
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errf(err, -errno, "%s: %s", folder, strerror(errno));
	return reindex_file(fd, name, index, err);
}

static int index_main(const struct cli_call *call, struct err *err)
{
	int status = CLI_OK;

	if (!call->operands_n)
		return cli_status(call, errf(err, -EINVAL, "which FILE?"));
	for (unsigned i = 0; i < call->operands_n; i++) {
		struct err why;
		int r = index_one(call->operands[i], &why);

		if (r == 0)
			continue;
		if (r > 0)
			errf(&why, -EINVAL, "%s: no archive of frames: it needs no index",
			     call->operands[i]);
		fprintf(stderr, "penstock index: %s\n", why.text);
		status = r < 0 ? CLI_FAILED : status;
	}
	return status;
}

const struct cli_command cmd_index = {
	.name = "index",
	.usage = "FILE...",
	.summary = "make the index beside an archive again",
	.text = "Archives (.zst) have an index, NAME.idx, which `search` uses to read only the "
		"frames concerned.\nIt can be lost, and is never needed.",
	.examples = "penstock index old.jsonl.zst\tso that it is searched quickly\n",
	.operands_max = UINT_MAX,
	.run = index_main,
};
