/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probes/discovery/libraries.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "capture/base/cleanup.h"

/* In the machine's byte order. Offsets count from the head, which may follow an older cache. */
struct cache_head {
	char magic[20];
	uint32_t entries, strings_len;
	uint32_t other[5];
};

struct cache_entry {
	uint32_t flags, name, path, os_version;
	uint64_t hardware;
};

static const char cache_magic[] = "glibc-ld.so.cache1.1";

struct cache {
	const char *p;
	size_t n;
};

/* The text at `offset`, whose end is in the cache too; else NULL. */
static const char *cache_text(const struct cache *c, uint32_t offset)
{
	if (offset >= c->n || !memchr(c->p + offset, '\0', c->n - offset))
		return NULL;
	return c->p + offset;
}

static int cache_find(const struct cache *c, const char *name, libraries_fn fn, void *arg)
{
	struct cache_head head;
	struct cache_entry entry;
	int r = 0;

	memcpy(&head, c->p, sizeof(head));
	for (uint32_t i = 0; r >= 0 && i < head.entries; i++) {
		size_t at = sizeof(head) + (size_t)i * sizeof(entry);
		const char *key, *path;

		if (at + sizeof(entry) > c->n)
			break;
		memcpy(&entry, c->p + at, sizeof(entry));
		key = cache_text(c, entry.name);
		path = cache_text(c, entry.path);
		if (key && path && path[0] == '/' && !strncmp(key, name, strlen(name)))
			r = fn(path, arg);
	}
	return r < 0 ? r : 0;
}

int libraries_find(const char *cache, const char *name, libraries_fn fn, void *arg)
{
	CLEANUP_CLOSE int fd = open(cache, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *head;
	struct cache c;
	struct stat st;
	void *map;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) ||
	    st.st_size < (off_t)sizeof(struct cache_head))
		return 0;
	map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return 0;
	head = memmem(map, st.st_size, cache_magic, sizeof(cache_magic) - 1);
	c.p = head;
	c.n = head ? (size_t)((const char *)map + st.st_size - head) : 0;
	if (c.n >= sizeof(struct cache_head))
		r = cache_find(&c, name, fn, arg);
	munmap(map, st.st_size);
	return r;
}
