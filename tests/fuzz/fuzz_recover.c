/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as what a writer left: the first one chooses the name. Where recovery says that it is
 * whole, another one changes nothing; where it refuses, nothing was changed. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/archive/recover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = {"x.pb.part",      "x.pb.zst.part", "x.jsonl.part",
				    "x.pcapng.part",  "x.raw.part",    "x.txt.part",
				    "x.txt.zst.part", "x.part"};

static char folder_path[] = "/dev/shm/penstock-fuzz-XXXXXX";
static int folder = -1;

/* The index that recovery puts beside it. */
static void remove_index(const char *name)
{
	char index[64];

	snprintf(index, sizeof(index), "%.*s.idx", (int)(strlen(name) - strlen(".part")), name);
	unlinkat(folder, index, 0);
}

static void remove_folder(void)
{
	rmdir(folder_path);
}

/* The file, malloc'd; NULL when it has gone. */
static char *file_now(const char *name, size_t *ret_n)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	char *p;

	if (fd < 0)
		return NULL;
	*ret_n = (size_t)lseek(fd, 0, SEEK_END);
	p = malloc(*ret_n + 1);
	if (!p || pread(fd, p, *ret_n, 0) != (ssize_t)*ret_n)
		abort();
	close(fd);
	return p;
}

static void check_same(const char *name, const void *was, size_t was_n)
{
	size_t n = 0;
	char *p = file_now(name, &n);

	if (!p || n != was_n || memcmp(p, was, n) != 0)
		abort();
	free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *name = names[n ? data[0] % (sizeof(names) / sizeof(names[0])) : 0];
	struct err err = {""};
	size_t once_n = 0;
	char *once;
	int fd, r;

	if (folder < 0) {
		if (!mkdtemp(folder_path))
			abort();
		folder = open(folder_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		atexit(remove_folder);
	}
	n -= n > 0;
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, data + 1, n) != (ssize_t)n)
		abort();
	close(fd);
	r = recover_file(folder, name, &err);
	once = file_now(name, &once_n);
	if (r < 0)
		check_same(name, data + 1, n);
	else if (once && (recover_file(folder, name, &err) < 0))
		abort();
	else if (once)
		check_same(name, once, once_n);
	free(once);
	unlinkat(folder, name, 0);
	remove_index(name);
	return 0;
}
