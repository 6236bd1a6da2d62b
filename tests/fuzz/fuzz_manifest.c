/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any bytes as a template of names (the first line) and as the manifest of files that it made:
 * what it lists is in the folder, is called as the template says, and a stranger is never listed.
 */
#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const inside[] = {"a-000001.raw", "a-000002.raw", "b", "x-2026.pb"};
static char folder[] = "/tmp/penstock-fuzz-XXXXXX";
static char path[64];

static void remove_folder(void)
{
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, inside[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/.m.manifest", folder);
	unlink(path);
	rmdir(folder);
}

static void make_folder(void)
{
	if (path[0])
		return;
	if (!mkdtemp(folder))
		abort();
	atexit(remove_folder);
	for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, inside[i]);
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
}

static void write_manifest(const uint8_t *data, size_t size)
{
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/.m.manifest", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	n = write(fd, data, size);
	assert(n == (ssize_t)size);
	close(fd);
}

static void read_manifest(const struct place *place, const struct name *name)
{
	const struct manifest_file *f;
	struct manifest m;
	uint64_t number, sum = 0;

	if (manifest_open(&m, place, "m", name, NULL) < 0)
		abort();
	assert(m.next > 0 && m.next <= INT64_MAX);
	for (size_t i = 0; i < m.n; i++) {
		struct stat st;

		f = &m.files[m.first + i];
		assert(!strchr(f->name, '/') && name_match(name, f->name, &number));
		assert(fstatat(place->folder, f->name, &st, AT_SYMLINK_NOFOLLOW) == 0);
		assert(S_ISREG(st.st_mode) && f->size == (uint64_t)st.st_size);
		sum += f->size;
	}
	assert(sum == m.total);
	manifest_begin(&m, "a-000009.raw", 1); /* writes it anew */
	while (manifest_oldest(&m))
		manifest_forget_oldest(&m);
	assert(!m.stale && m.total == 0);
	manifest_close(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *line = memchr(data, '\n', size);
	struct sink_env env = {.target = path, .uid = (uid_t)-1, .gid = (gid_t)-1};
	size_t n = line ? (size_t)(line - data) : size;
	char text[NAME_MAX + 1], expanded[NAME_MAX + 1];
	const struct name_values values = {.host = text, .seq = n, .unix_ns = n * 1000000007};
	struct place place;
	struct name name;
	uint64_t number;

	if (n > NAME_MAX)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	make_folder();
	if (name_parse(text, "fuzz", &name, NULL) < 0)
		return 0;
	if (name_expand(&name, &values, expanded) == 0) {
		assert(strlen(expanded) <= NAME_LONGEST);
		assert(strchr(text, '/') || !strchr(expanded, '/'));
		assert(strchr(text, '/') || name_match(&name, expanded, &number));
	}
	write_manifest(line ? line + 1 : data, line ? size - n - 1 : 0);
	if (place_open(&place, &env, NULL) == 0)
		read_manifest(&place, &name);
	place_close(&place);
	return 0;
}
